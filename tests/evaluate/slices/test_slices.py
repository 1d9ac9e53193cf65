from __future__ import annotations

import html
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from tasks.evaluate.predictions import PREDICTIONS, read_test, write_predictions
from tasks.evaluate.report import render_report
from tasks.evaluate.settings import EvaluateConfig
from tasks.evaluate.slices.columns import read_rows
from tasks.evaluate.slices.says import SLICES
from tasks.evaluate.slices.settings import SliceConfig
from tasks.evaluate.slices.slices import write_slices
from tasks.ingest.corpus import write_corpus as ingest
from tasks.ingest.settings import IngestConfig
from tests.evaluate.test_report_browser import HOSTILE, SCRIPT, look
from tests.writers import write_holdout, write_texts

if TYPE_CHECKING:
    from pathlib import Path

ROWS = 600


class Made:
    """Folders as the steps before write them: every row of a table is a test row, and `wrong` of them are wrong."""

    def __init__(self, folder: Path, rows: list[dict[str, str]], wrong: np.ndarray, keep: tuple[str, ...]) -> None:
        table = folder / "a.jsonl"
        table.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        self.corpus, self.texts, self.evaluation = (folder / name for name in ("corpus", "texts", "evaluation"))
        self.kept = self.corpus / "kept" if keep else None
        for made in (self.corpus, self.evaluation, folder / "out"):
            made.mkdir(exist_ok=True)
        ingest(IngestConfig(path=table, keep=keep), self.corpus)
        ids = [f"a.jsonl:{number + 1}" for number in range(len(rows))]
        write_texts(self.texts, [(name, "test", row["text"]) for name, row in zip(ids, rows, strict=True)])
        labels = [row["label"] for row in rows]
        holdout = write_holdout(
            folder / "holdout", [(name, "test", label, []) for name, label in zip(ids, labels, strict=True)]
        )
        classes = sorted(set(labels))
        told = np.array([classes.index(label) for label in labels])
        told = np.where(wrong, (told + 1) % len(classes), told)
        write_predictions(self.evaluation / PREDICTIONS, read_test(holdout), classes, np.eye(len(classes))[told])
        self.folder = folder / "out"

    def report(self, **options: Any) -> dict[str, Any]:
        config = SliceConfig(slice_draws=199, **options)
        return write_slices(config, self.evaluation, self.texts, self.corpus, self.kept, self.folder)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Rows of five sources, a tenth of all wrong; of one source nearly half."""
    generator = np.random.default_rng(0)
    rows = [
        {
            "text": "word " * int(generator.integers(1, 30)) + ("Tesco" if number % 3 else ""),
            "label": "pn"[number % 2],
            "source": f"source {generator.integers(0, 5)}",
            "date": f"2020-0{number % 6 + 1}-15",
        }
        for number in range(ROWS)
    ]
    weak = np.array([row["source"] == "source 3" for row in rows])
    wrong = generator.random(ROWS) < np.where(weak, 0.45, 0.1)
    return Made(tmp_path_factory.mktemp("planted"), rows, wrong, ("source", "date"))


def test_a_planted_weak_slice_is_named_first(planted: Made, tmp_path: Path) -> None:
    watch = tmp_path / "watch.toml"
    watch.write_text('[names]\nTesco = ["Tesco"]\nNobody = ["Nobody"]\n')
    report = planted.report(watch_list=watch)
    assert report["weak"] == ["source=source 3"]
    first = report["slices"][0]
    assert (first["column"], first["value"], first["corrected_p"]) == ("source", "source 3", 1 / 200)
    assert first["interval"][0] < first["accuracy"] < first["interval"][1] < 0.75
    assert first["difference"] < -0.2
    # The table is one file, so its name tells no rows apart; all texts are latin; nobody speaks of Nobody.
    assert report["columns"] == ["length", "source", "date", "name"]
    assert {each["value"] for each in report["slices"] if each["column"] == "date"} == {f"2020-0{n}" for n in range(1, 7)}
    assert [each["value"] for each in report["slices"] if each["column"] == "name"] == ["Tesco"]
    assert report["looked_at"] == len(report["slices"]) == 4 + 5 + 6 + 1
    for column in ("length", "source", "date"):
        assert sum(each["rows"] for each in report["slices"] if each["column"] == column) == ROWS
    assert json.loads((planted.folder / "slices.json").read_text()) == report
    said = SLICES.says(report)
    assert said.startswith("16 slices by length, source, date, name; weak: source=source 3")
    assert len(list(SLICES.details(report))) == 1
    metrics = SLICES.metrics(report)
    assert metrics["weak"] == 1
    assert metrics["source/source 3/accuracy"] == first["accuracy"]


def test_named_slices_are_groups_values_and_parts_of_dates(planted: Made) -> None:
    rows = read_rows(SliceConfig(slice_rows=500), planted.texts, planted.corpus, planted.kept)
    assert rows.slice("source=source 3").sum() > 50  # though no source has 500 rows
    assert rows.slice("date=2020-03").sum() == rows.slice("date=2020-03-15").sum() == ROWS / 6
    assert rows.slice("date=2020").all()
    assert rows.slice("script=latin").all()
    for name in ("source=source 9", "source=", "date=", "nothing=x", "source"):
        assert not rows.slice(name).any(), name


def test_a_kept_column_takes_the_place_of_one_of_that_name(tmp_path: Path) -> None:
    rows = [{"text": "word " * (number % 9 + 1), "label": "pn"[number % 2], "length": "as told"} for number in range(200)]
    made = Made(tmp_path, rows, np.zeros(200, bool), ("length",))
    found = read_rows(SliceConfig(), made.texts, made.corpus, made.kept)
    assert [each.labels for each in found.groupings if each.column == "length"] == [("as told",)]


def test_few_rows_have_no_slices(tmp_path: Path) -> None:
    rows = [{"text": f"t{number}", "label": "pn"[number % 2]} for number in range(20)]
    report = Made(tmp_path, rows, np.zeros(20, bool), ()).report()
    assert report["slices"] == report["weak"] == []
    assert SLICES.says(report) == "no column has two groups of at least 30 test rows"


def test_the_settings_of_slices_want_slices() -> None:
    with pytest.raises(ValueError, match="slice_rows is for slices true"):
        EvaluateConfig(slices=False, slice_rows=50)
    assert EvaluateConfig(seed=7).slicing.seed == EvaluateConfig(seed=7).measures.seed == 7


def test_hostile_values_are_inert_on_the_page_and_in_metrics(
    evaluated: tuple[dict[str, Any], Path, Path], tmp_path: Path, chromium: list[str]
) -> None:
    values = [value.replace("\x00", "") for value in HOSTILE]
    rows = [{"text": f"{number}", "label": "pn"[number % 2], SCRIPT: values[number % len(values)]} for number in range(360)]
    report = Made(tmp_path, rows, np.arange(360) % len(values) == 0, (SCRIPT,)).report()
    assert report["weak"] == [f"{SCRIPT}={SCRIPT}"]
    page = render_report(evaluated[1], SLICES.page(report, tmp_path), tmp_path / "report.html").read_text(encoding="utf-8")
    seen = look(chromium, page, tmp_path)
    assert not seen["attacked"]
    assert (seen["active"], seen["handlers"], seen["headings"], seen["overflow"]) == (0, 0, 1, 0)
    assert html.escape(SCRIPT, quote=False).replace("'", "&#39;") in page
    assert "\u202e" not in page + SLICES.says(report)
    assert all(name.isprintable() and not set("<>()'\"") & set(name) for name in SLICES.metrics(report))


def test_texts_of_other_rows_are_refused(planted: Made, tmp_path: Path) -> None:
    other = write_texts(tmp_path / "texts", [("a.jsonl:1", "test", "text")])
    with pytest.raises(ValueError, match="other rows"):
        write_slices(SliceConfig(), planted.evaluation, other, planted.corpus, planted.kept, tmp_path)


def test_ids_need_not_be_plain_strings(planted: Made) -> None:
    assert pa.types.is_string(read_rows(SliceConfig(), planted.texts, planted.corpus, None).ids.type)
