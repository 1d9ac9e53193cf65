"""Imports are kept whole and once, later labels win, disagreement is told, and an import can be undone."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest

from flows.commands.label import list_
from tasks.errors import RequestError
from tasks.labels.content import content_key
from tasks.labels.gather import CONFLICTS, write_labels
from tasks.labels.import_file import import_labels
from tasks.labels.imports import imports_folder, in_use, list_imports, undo_import
from tasks.labels.in_force import agreement, in_force
from tasks.labels.says import SHOWN
from tasks.labels.schema import TABLE
from tasks.review.write import write_review

if TYPE_CHECKING:
    from pathlib import Path

    from tests.labels.conftest import Write


def held(root: Path) -> dict[str, str]:
    found = in_force(in_use(imports_folder(root, "news")))
    return {str(each.text): each.label for each in found.labels.values()}


def test_later_labels_win_whatever_the_order_of_the_imports(table: Write, tmp_path: Path) -> None:
    late = table("late.csv", ("One", "good", "a", "2026-03-02"), ("Two", "good", "a", "2026-03-02"))
    early = table("early.csv", ("One", "bad", "b", "2026-03-01"), ("Three", "bad", "b", "2026-03-01"))
    first = import_labels(late, tmp_path, "news")
    second = import_labels(early, tmp_path, "news", new_labels=True)
    assert held(tmp_path) == {"One": "good", "Two": "good", "Three": "bad"}
    assert (first["conflicts"], second["conflicts"], second["in_force"], second["replaced"]) == (0, 1, 3, 0)
    assert second["agreement"] == [
        {"annotators": ["a", "b"], "texts": 1, "agreed": 0, "kappa": 0.0, "apart": {"good / bad": 1}}
    ]
    undo_import(tmp_path, "news", first["id"])
    assert held(tmp_path) == {"One": "bad", "Three": "bad"}
    assert [made.undone is None for made in list_imports(imports_folder(tmp_path, "news"))].count(True) == 1
    with pytest.raises(RequestError, match="was undone"):
        undo_import(tmp_path, "news", first["id"])
    with pytest.raises(RequestError, match=rf"no-such is not an import of labels for news; there are: {second['id']}"):
        undo_import(tmp_path, "news", "no-such")


def test_a_person_may_think_again_and_disagrees_with_nobody(table: Write, tmp_path: Path) -> None:
    path = table("a.csv", ("One", "bad", "a", "2026-03-01"), ("One", "good", "a", "2026-03-03"))
    report = import_labels(path, tmp_path, "news")
    assert (held(tmp_path), report["conflicts"], report["agreement"]) == ({"One": "good"}, 0, [])


def test_a_file_is_kept_once(table: Write, tmp_path: Path) -> None:
    path = table("a.csv", ("One", "bad", "a", ""))
    first, again = (import_labels(path, tmp_path, "news") for _ in range(2))
    assert (first["new"], again["new"], again["id"]) == (True, False, first["id"])
    undo_import(tmp_path, "news", first["id"])
    assert import_labels(path, tmp_path, "news")["new"]
    assert len(list_imports(imports_folder(tmp_path, "news"))) == 2


def test_other_columns_of_a_file_are_other_labels(tmp_path: Path) -> None:
    (path := tmp_path / "two.csv").write_text("text,ann,bob\nOne,good,bad\n")
    for who in ("ann", "bob", "bob"):
        report = import_labels(path, tmp_path, "news", label=who, annotator=who)
    assert (report["new"], report["annotators"], report["conflicts"]) == (False, {"ann": 1, "bob": 1}, 1)


def test_a_label_that_the_name_does_not_have_is_refused_unless_it_is_meant(table: Write, tmp_path: Path) -> None:
    path = table("a.csv", ("One", "postive", "a", ""))
    with pytest.raises(
        RequestError, match=r"'postive' \(1 row\) is not one of negative, positive; is 'positive' meant\? correct"
    ):
        import_labels(path, tmp_path, "news", known=["negative", "positive"])
    assert not imports_folder(tmp_path, "news").exists()
    assert import_labels(path, tmp_path, "news", known=["negative", "positive"], new_labels=True)["labels"] == 1


def test_a_file_without_labels_is_refused(filled: list[dict[str, Any]], tmp_path: Path) -> None:
    for row in filled:
        row["new_label"] = None
    write_review(filled, ["a"], tmp_path / "review.csv")
    with pytest.raises(RequestError, match=r"no label in it \(5 unjudged\)"):
        import_labels(tmp_path / "review.csv", tmp_path, "news")


def test_an_import_that_is_killed_has_not_happened(table: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = table("a.csv", ("One", "bad", "a", ""))
    monkeypatch.setattr("tasks.labels.imports.crash_point", lambda point: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        import_labels(path, tmp_path, "news")
    monkeypatch.undo()
    assert not list_imports(imports_folder(tmp_path, "news"))
    assert import_labels(path, tmp_path, "news")["new"]


def test_a_damaged_import_is_named(table: Write, tmp_path: Path) -> None:
    made = import_labels(table("a.csv", ("One", "bad", "a", "")), tmp_path, "news")
    (imports_folder(tmp_path, "news") / f"{made['id']}.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(RequestError, match="is not an import of labels"):
        in_use(imports_folder(tmp_path, "news"))


def test_kappa_is_that_of_two_people_and_none_where_chance_explains_all() -> None:
    people = {str(at): {"a": pair[0], "b": pair[1]} for at, pair in enumerate(["xx", "xx", "yy", "xy"])}
    (found,) = agreement(people)
    assert (found["texts"], found["agreed"], found["kappa"]) == (4, 3, 0.5)
    (alike,) = agreement({"1": {"a": "x", "b": "x"}})
    assert alike["kappa"] is None


def test_the_step_writes_what_holds_and_says_who_disagrees(filled: list[dict[str, Any]], table: Write, tmp_path: Path) -> None:
    write_review(filled, ["a"], tmp_path / "review.csv")
    made = import_labels(tmp_path / "review.csv", tmp_path, "news")
    assert (made["corrected"], made["confirmed"], made["labelled"]) == (3, 1, 0)
    known = table("b.csv", ("Profit rose to  EUR 3.1m", "negative", "z", "2030-01-01"), ("Alone", "neutral", "z", ""))
    import_labels(known, tmp_path, "news", only_known=True)
    (out := tmp_path / "out").mkdir()
    report = write_labels(imports_folder(tmp_path, "news"), out)
    rows = {row["key"]: row for row in pq.read_table(out / TABLE).to_pylist()}
    assert list(rows) == sorted(rows)
    assert rows[content_key("Alone")]["source"] is None
    one = rows[content_key("Profit rose to EUR 3.1m")]
    assert (one["label"], one["source"]) == ("negative", None)
    assert {row["source"] for row in rows.values()} == {None, f"labels/{made['id']}"}
    apart = pq.read_table(out / CONFLICTS).to_pylist()
    assert [(row["annotator"], row["label"], row["holds"]) for row in apart] == [
        ("a", "positive", False),
        ("z", "negative", True),
    ]
    assert SHOWN.says(report).startswith("5 labelled texts of 2 imports by 3 annotators, 1 in conflict")
    assert report["sample"] == {"rows": 1, "as_suggested": 1, "share": 1.0, "interval": report["sample"]["interval"]}
    assert "Cohen's kappa 0.00" in SHOWN.details(report)[0]  # type: ignore[index]


def test_ten_thousand_labels_are_a_matter_of_seconds(tmp_path: Path) -> None:
    path = tmp_path / "many.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label", "annotator", "labelled_at"])
        at = datetime(2026, 1, 1, tzinfo=UTC).isoformat()
        writer.writerows([f"Headline {number}", "ab"[number % 2], "xy"[number % 3 > 0], at] for number in range(10_000))
    assert import_labels(path, tmp_path, "news")["in_force"] == 10_000


def test_a_list_of_a_name_that_nothing_has_is_refused(table: Write, tmp_path: Path) -> None:
    import_labels(table("a.csv", ("One", "good", "a", "2026-03-02")), tmp_path, "news")
    list_(name="news", data_root=tmp_path)
    with pytest.raises(RequestError, match=r"--name nwes: no model of this name .*; there are news$"):
        list_(name="nwes", data_root=tmp_path)
