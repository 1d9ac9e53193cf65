import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tasks.evaluate import report
from tasks.evaluate.report import Context, flattened, render_report
from tasks.shown import visible
from tasks.wording.wording import Wording

CONTEXT = {
    "name": "reviews",
    "run_id": "run-7",
    "created": "2025-01-02 03:04 UTC",
    "command": "textmill train --preset reviews",
    "seconds": 402.3,
    "steps": [
        {"name": "ingest", "seconds": 3.14, "cached": True, "key": "a1b2c3d4e5f6a7"},
        {"name": "finetune", "seconds": 130.0, "cached": False},
    ],
    "skipped": {"pretrain": "the model reads no vectors"},
    "data": {"found": 12345, "kept": 12340, "duplicates": 3, "quarantined": 2},
    "splits": {"train": 240, "test": 80},
    "dropped": {"near-duplicate of a test row": 5},
    "coverage": {"tokens": 0.983, "types": 0.913, "vocabulary": 60000, "missing": 5200},
    "model": {"name": "reviews", "version": "3", "alias": "champion", "decision": "promoted", "reason": "not worse"},
    "config": {"finetune": {"epochs": 3, "model": "bag"}, "ingest": {"labels": [], "path": None}},
}


class Page(HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: Any, attrs: Any) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: Any) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


@pytest.fixture(scope="session")
def folder(evaluated: tuple[dict[str, Any], Path, Path]) -> Path:
    return evaluated[1]


def test_everything_known_at_the_end_of_a_run_is_on_the_page(folder: Path, tmp_path: Path) -> None:
    out = render_report(folder, CONTEXT, tmp_path / "runs" / "7" / "report.html")
    text = Page(out.read_text(encoding="utf-8")).text
    for said in (
        "12,345 found = 12,340 kept + 3 duplicates + 2 quarantined",
        "Registered as reviews version 3 . champion Decision: promoted ( not worse ).",
        "3.1 s cached a1b2c3d4e5",
        "2 min 10 s",
        "6 min 42 s in all",
        "pretrain skipped the model reads no vectors",
        "near-duplicate of a test row 5 left out",
        "98.3% of the train tokens and 91.3% of the distinct ones",
        "60,000 tokens, 5,200 without a vector",
        "textmill train --preset reviews",
        "finetune.epochs 3",
        "ingest.path null",
    ):
        assert said in text
    assert list(out.parent.iterdir()) == [out]


def test_an_empty_context_leaves_its_parts_out(folder: Path) -> None:
    text = Page((folder / "side/report.html").read_text()).text
    assert "Most confident errors" in text
    for part in ("What ran", "Data", "Coverage", "How to reproduce", "Registered as"):
        assert part not in text


NEAR = [["cinema", 0.91], ["<b>film</b>", 0.5]]
SCORE = {"accuracy": 0.25, "correct": 1000, "questions": 4000, "of": 19544}
INTRINSIC: dict[str, dict[str, Any]] = {
    "wordsim353": {"spearman": 0.6123, "pairs": 300, "of": 353},
    "simlex999": {"spearman": None, "pairs": 9, "of": 999},
    "analogies": {
        **SCORE,
        "sections": {"family": SCORE, "currency": {"accuracy": None, "correct": 0, "questions": 4, "of": 866}},
    },
}


def test_what_the_vectors_know_is_on_the_page(folder: Path, tmp_path: Path) -> None:
    vectors = {"neighbours": {"movie": NEAR}, "class_neighbours": {"po<s>": {"great": NEAR, "superb": []}}}
    page = Page(render_report(folder, {"vectors": vectors | {"intrinsic": INTRINSIC}}, tmp_path / "report.html").read_text())
    for said in (
        "po<s> great cinema 0.91 · <b>film</b> 0.50 superb",
        "movie cinema 0.91",
        "WordSim-353 0.612 rank correlation 300 of 353 pairs",
        "SimLex-999 too few pairs 9 of 999 pairs",
        "analogies 25.0% 1,000 right 4,000 of 19,544 questions",
        "family 25.0% 1,000 right 4,000 of 19,544 questions",
        "currency too few questions 4 of 866 questions",
    ):
        assert said in page.text
    assert ("rowspan", "2") in page.attributes


def test_vectors_that_cover_no_english_have_no_figures(folder: Path, tmp_path: Path) -> None:
    nothing = {"accuracy": None, "correct": 0, "questions": 0, "of": 19544}
    intrinsic = {name: {"spearman": None, "pairs": 0, "of": INTRINSIC[name]["of"]} for name in ("wordsim353", "simlex999")}
    vectors = {
        "neighbours": {"电影": NEAR},
        "intrinsic": intrinsic | {"analogies": {**nothing, "sections": {"family": nothing}}},
    }
    text = Page(render_report(folder, {"vectors": vectors}, tmp_path / "report.html").read_text()).text
    assert "covers none of the 353 + 999 English word pairs and 19,544 analogies that people have judged" in text
    assert "0.000" not in text[text.index("Word vectors") :]
    assert "WordSim-353" not in text


def test_a_page_in_another_language_has_figures_of_its_own(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def images(language: str) -> list[str]:
        context = {"config": {"evaluate": {"language": language}}, "history": {"cnn": [{"train_loss": 1.0}]}}
        html = render_report(folder, context, tmp_path / "report.html").read_text(encoding="utf-8")
        return re.findall('src="data:image/png;base64,([^"]*)"', html)

    words = Wording("zh", dict.fromkeys(("accuracy", "predicted", "wrong of the answers", "loss"), "another word"))
    monkeypatch.setattr(report, "drawable_words", lambda asked: words)
    english, other = images("en"), images("zh")
    assert english
    assert len(other) >= len(english)
    assert not set(english) & set(other)

    def fails(*given: Any) -> None:
        raise RuntimeError("no such font")

    monkeypatch.setattr(report, "draw_figures", fails)
    assert images("zh") == english
    assert "so they are in English: no such font" in caplog.text


def test_a_part_that_the_page_has_no_place_for_is_a_table_of_its_own(folder: Path, tmp_path: Path) -> None:
    parts = {"lengths": {"mean": 12.5, "<b>most</b>": 40}, "note": "<i>short</i>"}
    html = render_report(folder, parts, tmp_path / "report.html").read_text()
    text = Page(html).text
    assert "lengths" in text
    assert "12.5" in text
    assert "<b>most</b>" not in html
    assert "<i>short</i>" not in html
    with pytest.raises(ValidationError, match="nmae"):
        render_report(folder, {"splits": {"nmae": "x"}}, tmp_path / "other.html")


def test_the_page_stands_alone(folder: Path, tmp_path: Path) -> None:
    page = Page(render_report(folder, CONTEXT, tmp_path / "report.html").read_text())
    assert page.tags.count("img") == 5
    assert not {"script", "link", "iframe", "object", "embed", "form", "base"} & set(page.tags)
    assert all(value.startswith("data:image/png;base64,") for name, value in page.attributes if name == "src")
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert {value for name, value in page.attributes if name == "href"} <= {
        f"#{value}" for name, value in page.attributes if name == "id"
    }
    assert ("content", "default-src 'none'; img-src data:; style-src 'unsafe-inline'") in page.attributes


def test_text_from_outside_is_text(folder: Path, tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{ 7*7 }}\x1b\u202e"
    context = Context.model_validate(CONTEXT).model_copy(
        update={"name": evil, "command": evil, "skipped": {evil: evil}, "config": {evil: evil}}
    )
    raw = render_report(folder, context, tmp_path / "report.html").read_text()
    page = Page(raw)
    assert "script" not in page.tags
    assert page.tags.count("img") == 5
    assert "{{ 7*7 }}[U+001B][U+202E]" in page.text
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", raw)


def test_hidden_characters_become_their_numbers() -> None:
    assert visible("a\tb\nc é 财 🙂") == "a\tb\nc é 财 🙂"
    assert visible("\x00\x7f\x85\u202e\u2067\ud800\U000e0041") == "[U+0000][U+007F][U+0085][U+202E][U+2067][U+D800][U+E0041]"


def test_flattened_names() -> None:
    nested = {"a": {"b": {"c": 1}, "d": {}}, "e": [1]}
    assert dict(flattened(nested)) == {"a.b.c": 1, "a.d": {}, "e": [1]}


def test_the_split_what_contradicts_and_what_is_in_doubt_are_on_the_page(folder: Path, tmp_path: Path) -> None:
    doubted = {
        "warnings": ["only 9 test rows: <b>rough</b>"],
        "split": {"rule": 2, "salt": 37, "seed": 13},
        "labels": {"train": {"good": 72, "bad": 3}, "valid": {"good": 8}, "test": {"good": 20, "bad": 1}},
        "contradictions": {
            "rule": "drop",
            "texts": 1,
            "rows": 3,
            "left_out": 3,
            "texts_of_test": 2,
            "near_rows": 4,
            "near_groups": 2,
            "examples": [{"text": "Sales <i>rose</i>\u202e", "labels": {"good": 2, "bad": 1}}],
            "file": "/data/contradictions.parquet",
        },
    }
    out = render_report(folder, CONTEXT | doubted, tmp_path / "report.html")
    page = Page(out.read_text(encoding="utf-8"))
    assert "i" not in page.tags
    for said in (
        "Look at this first only 9 test rows: <b>rough</b>",
        "bad 3 75.0% 0 0.0% 1 25.0% good 72 72.0% 8 8.0% 20 20.0%",
        "Split by rule 2 with salt 37 and seed 13",
        "Texts: 1; their rows: 3, of which 3 are left out (prepare.contradictions drop ).",
        "Texts of the test split that have other labels too: 2;",
        "Rows that nearly repeat a text with another label: 4, in groups: 2;",
        "/data/contradictions.parquet",
        "Sales <i>rose</i>[U+202E] good 2 rows · bad 1 row",
    ):
        assert said in page.text, said
    plain = Page(render_report(folder, CONTEXT, tmp_path / "plain.html").read_text(encoding="utf-8")).text
    assert "Look at this first" not in plain
    assert "Texts with several labels" not in plain
