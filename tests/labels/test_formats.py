"""Rows of a review, filled in, are read back from every format; Label Studio's files are as its documentation has them."""

from __future__ import annotations

import csv
import json
import xml.etree.ElementTree as ET
import zipfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from tasks.errors import RequestError
from tasks.labels.cells import defused, restored
from tasks.labels.content import content_key
from tasks.labels.import_file import import_labels
from tasks.labels.label_studio import labelling_config
from tasks.labels.read import read_labels
from tasks.review.write import check_not_filled, check_output, write_review
from tests.labels.conftest import TEXTS

if TYPE_CHECKING:
    from pathlib import Path

LABELS = ["negative", "neutral", "positive"]
GIVEN = [("a/1", "positive", "a"), ("a/2", "positive", "b"), ("a/3", "negative", "a"), ("a/4", "neutral", "b")]


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet", ".xlsx"])
def test_what_is_filled_in_is_read_back(filled: list[dict[str, Any]], tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"review{suffix}"
    write_review(filled, LABELS, path)
    found, warnings = read_labels(path)
    assert not warnings
    assert [(each.row, each.label, each.annotator) for each in found.labels] == GIVEN
    assert [each.text for each in found.labels] == [TEXTS[row] for row, _, _ in GIVEN]
    assert {each.previous for each in found.labels} == {"negative"}
    assert [(each.suggested, each.why) for each in found.labels][:2] == [("positive", "random"), ("positive", "uncertain")]
    assert dict(found.without) == {"unjudged": 1}


def test_no_cell_is_a_formula(filled: list[dict[str, Any]], tmp_path: Path) -> None:
    import openpyxl

    for suffix in (".csv", ".xlsx"):
        write_review(filled, ["=1+1"], tmp_path / f"review{suffix}")
    with (tmp_path / "review.csv").open(encoding="utf-8-sig", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert not [cell for cell in cells if cell[:1] in ("=", "+", "-", "@", "\t", "\r")]
    book = openpyxl.load_workbook(tmp_path / "review.xlsx")
    written = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert not [cell.value for cell in written if cell.data_type == "f"]
    (validation,) = book["review"].data_validations.dataValidation
    assert validation.formula1 == "=labels!$A$1:$A$1"


@pytest.mark.parametrize("text", ["=1+1", " =1", "'=1", "''", "-5%", "plain", "\u30fc", "\uff1d1", "@home", ""])
def test_a_defused_cell_is_restored(text: str) -> None:
    assert restored(defused(text)) == text


def test_a_sheet_has_no_room_for_a_long_text_and_its_label_is_kept(filled: list[dict[str, Any]], tmp_path: Path) -> None:
    long = "word " * 9000
    filled[0] |= {"text": long, "key": content_key(long)}
    filled[1] |= {"text": "bad \x01 character"}
    filled[1] |= {"key": content_key(filled[1]["text"])}
    write_review(filled, LABELS, tmp_path / "review.xlsx")
    found, _ = read_labels(tmp_path / "review.xlsx")
    assert (found.labels[0].text, found.labels[0].key, found.labels[0].label) == (None, content_key(long), "positive")
    assert dict(found.without) == {"text_changed": 1, "unjudged": 1}


def test_a_text_that_was_edited_gets_no_label(filled: list[dict[str, Any]], tmp_path: Path) -> None:
    filled[0]["text"] = f"{filled[0]['text']}!"
    write_review(filled, LABELS, tmp_path / "review.csv")
    found, _ = read_labels(tmp_path / "review.csv")
    assert (len(found.labels), dict(found.without)) == (3, {"text_changed": 1, "unjudged": 1})
    assert found.first["text_changed"] == "review.csv:2"


def test_tasks_have_predictions_and_the_configuration_has_the_names_that_they_use(
    filled: list[dict[str, Any]], tmp_path: Path
) -> None:
    written = write_review(filled, ['a "b" <c>', "neutral"], tmp_path / "tasks.json")
    assert [path.name for path in written] == ["tasks.json", "tasks.xml"]
    task = json.loads(written[0].read_text(encoding="utf-8"))[1]
    assert task["data"]["text"] == TEXTS["a/2"]
    (prediction,) = task["predictions"]
    (result,) = prediction["result"]
    assert (prediction["model_version"], prediction["score"]) == ("news/4", 0.75)
    view = ET.fromstring(written[1].read_text(encoding="utf-8"))
    text, choices = view.find("Text"), view.find("Choices")
    assert (result["to_name"], result["from_name"], result["type"]) == (text.get("name"), choices.get("name"), "choices")
    assert (text.get("value"), choices.get("toName")) == ("$text", text.get("name"))
    assert [choice.get("value") for choice in choices] == ['a "b" <c>', "neutral"]
    assert result["value"] == {"choices": ["positive"]}
    assert not set(task["data"]) & {choices.get("name")}  # a CSV export would hold one in place of the other


def exported(task: dict[str, Any], number: int, *annotations: tuple[Any, Any], **more: Any) -> dict[str, Any]:
    """A task as Label Studio exports it in JSON: guide/task_format."""
    made = [
        {
            "id": 1000 + number * 10 + at,
            "completed_by": who,
            "result": []
            if label is None
            else [
                {
                    "value": {"choices": [label] if isinstance(label, str) else label},
                    "id": f"x{number}{at}",
                    "from_name": "label",
                    "to_name": "text",
                    "type": "choices",
                    "origin": "manual",
                }
            ],
            "was_cancelled": label is None,
            "ground_truth": False,
            "created_at": "2026-03-09T22:16:08.728353Z",
            "updated_at": f"2026-03-09T22:1{at}:08.728378Z",
            "lead_time": 4.288,
            "task": number,
        }
        for at, (label, who) in enumerate(annotations)
    ]
    dates = {"created_at": "2026-03-09T21:52:49.513742Z", "updated_at": "2026-03-09T22:16:08.746926Z", "project": 83}
    return {"id": number, "annotations": made, "drafts": [], "predictions": [], **task, **dates, **more}


def minimal(task: dict[str, Any], number: int, label: Any, who: Any) -> dict[str, Any]:
    """The same in JSON-MIN: the data, and the value of each tag by its name."""
    own = {"annotator": who, "annotation_id": 1000 + number, "lead_time": 4.288}
    dates = {"created_at": "2026-03-09T22:16:08.728353Z", "updated_at": "2026-03-09T22:17:08.728378Z"}
    return {**task["data"], "id": number, "label": label, **own, **dates}


def test_exports_of_label_studio_are_read(filled: list[dict[str, Any]], tmp_path: Path) -> None:
    write_review(filled, LABELS, tmp_path / "tasks.json")
    tasks = json.loads((tmp_path / "tasks.json").read_text(encoding="utf-8"))
    people: list[Any] = [3, {"id": 4, "email": "b@desk.example", "first_name": "", "last_name": ""}]
    whole = [
        exported(tasks[0], 1, ("positive", people[0]), ("neutral", people[1])),
        exported(tasks[1], 2, (None, people[0])),
        exported(tasks[2], 3, (["positive", "neutral"], people[0])),
        exported(tasks[3], 4, ("neutral", people[1])),
        exported(tasks[4], 5),
    ]
    (tmp_path / "export.json").write_text(json.dumps(whole), encoding="utf-8")
    found, _ = read_labels(tmp_path / "export.json")
    assert [(each.row, each.label, each.annotator) for each in found.labels] == [
        ("a/1", "positive", "3"),
        ("a/1", "neutral", "b@desk.example"),
        ("a/4", "neutral", "b@desk.example"),
    ]
    assert found.labels[1].at == datetime(2026, 3, 9, 22, 11, 8, 728378, UTC)
    assert (found.labels[0].previous, found.labels[0].why) == ("negative", "random")
    assert dict(found.without) == {"skipped": 1, "several_labels": 1, "unjudged": 1}

    small = [minimal(tasks[0], 1, "positive", 3), minimal(tasks[2], 3, {"choices": ["positive", "neutral"]}, 3)]
    (tmp_path / "min.json").write_text(json.dumps(small), encoding="utf-8")
    found, _ = read_labels(tmp_path / "min.json")
    assert [(each.row, each.label, each.annotator, each.text) for each in found.labels] == [
        ("a/1", "positive", "3", TEXTS["a/1"])
    ]
    assert dict(found.without) == {"several_labels": 1}

    # label_studio_sdk's converter: sorted names, quotes around all but numbers, several choices as JSON
    rows = [{**minimal(tasks[1], 2, "neutral", "b@desk.example"), "was_cancelled": "False"}]
    rows += [{**minimal(tasks[3], 4, json.dumps({"choices": ["a", "b"]}), "3"), "was_cancelled": "False"}]
    rows += [{**minimal(tasks[4], 5, "", "3"), "was_cancelled": "True"}]
    for name, delimiter in (("export.csv", ","), ("export.tsv", "\t")):
        with (tmp_path / name).open("w", encoding="utf8", newline="") as file:
            writer = csv.DictWriter(file, sorted(rows[0]), quoting=csv.QUOTE_NONNUMERIC, delimiter=delimiter)
            writer.writeheader()
            writer.writerows(rows)
        found, _ = read_labels(tmp_path / name)
        assert [(each.row, each.label, each.annotator) for each in found.labels] == [("a/2", "neutral", "b@desk.example")]
        assert found.labels[0].text == TEXTS["a/2"]
        assert dict(found.without) == {"several_labels": 1, "skipped": 1}


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.json", "[{", "not JSON"),
        ("a.json", "[]", "not a list of tasks"),
        ("a.json", '[{"data": {"text": "x"}}]', "tasks without annotations"),
        ("a.json", '[{"id": 1, "label": "x"}]', "no task has a field 'text'"),
        ("a.docx", "x", "is not a format that labels are read from"),
        ("a.csv", "body,topic\nx,y\n", "column"),
        ("a.xlsx", "x", "not an Excel workbook"),
    ],
)
def test_a_file_that_holds_no_labels_is_told_in_one_line(name: str, content: str, told: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(RequestError, match=told) as error:
        read_labels(tmp_path / name)
    assert "\n" not in str(error.value)


def test_an_output_names_its_format(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"\.txt is not a format of a review"):
        check_output(tmp_path / "review.txt")
    with pytest.raises(RequestError, match="no such folder"):
        check_output(tmp_path / "nowhere" / "review.csv")


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet", ".xlsx", ".json"])
def test_a_review_takes_no_place_of_labels_that_are_not_imported(
    filled: list[dict[str, Any]], tmp_path: Path, suffix: str
) -> None:
    path, root = tmp_path / f"review{suffix}", tmp_path / "root"
    check_not_filled(path, root)
    write_review([row | {"new_label": None} for row in filled], LABELS, path)
    check_not_filled(path, root)
    if suffix != ".json":
        write_review(filled, LABELS, path)
        with pytest.raises(RequestError, match=r"it holds 4 labels that people gave; read it with textmill label first"):
            check_not_filled(path, root)
        import_labels(path, root, "news")
        check_not_filled(path, root)
        path.write_bytes("gar\u00e7on;x".encode("cp1252"))
        with pytest.raises(RequestError, match="there already and cannot be read as a review; name another file"):
            check_not_filled(path, root)


def test_a_configuration_is_xml_whatever_the_labels_are() -> None:
    view = ET.fromstring(labelling_config(["</Choices>", "&amp;", "好"]))
    assert [each.get("value") for each in view.find("Choices")] == ["</Choices>", "&amp;", "好"]


def test_the_key_of_a_text_is_that_of_what_it_says() -> None:
    assert content_key("Cafe\u0301  AG\r\nrose ") == content_key("Caf\u00e9 AG rose")
    assert content_key("rose") != content_key("Rose")


def test_a_table_of_another_encoding_and_delimiter_is_read_as_its_message_says(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes('text;new_label;annotator\r\n"Gewinn; stark";gut;J\u00fcrgen\r\n'.encode("cp1252"))
    with pytest.raises(RequestError, match="use --delimiter ';'"):
        read_labels(path, encoding="cp1252")
    (label,) = read_labels(path, encoding="cp1252", delimiter=";")[0].labels
    assert (label.text, label.label, label.annotator) == ("Gewinn; stark", "gut", "J\u00fcrgen")


def test_times_without_a_zone_are_utc(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,label,labelled_at\nx,a,2026-03-01 10:00\ny,b,2026-03-01T10:00:00+02:00\nz,c,soon\n")
    found, _ = read_labels(path, annotator="me")
    assert [each.at for each in found.labels] == [
        datetime(2026, 3, 1, 10, tzinfo=UTC),
        datetime(2026, 3, 1, 8, tzinfo=UTC),
        None,
    ]
    assert {each.annotator for each in found.labels} == {"me"}


def test_a_label_that_begins_like_a_formula_is_read_back(filled: list[dict[str, Any]], tmp_path: Path) -> None:
    import openpyxl

    filled[0] |= {"current_label": "-1", "suggested": "-1", "new_label": "-1"}
    for name in ("review.csv", "review.xlsx"):
        write_review(filled, ["-1", "positive"], tmp_path / name)
        assert read_labels(tmp_path / name)[0].labels[0].label == "-1"
    assert openpyxl.load_workbook(tmp_path / "review.xlsx")["labels"]["A1"].value == "'-1"  # what the choice writes


def test_another_table_may_have_a_column_key_and_apostrophes(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("key,text,label\n17,''Hello'' said he to them,pos\n18,'- what is that?,neg\n19,,pos\n")
    found, _ = read_labels(path)
    assert [each.text for each in found.labels] == ["''Hello'' said he to them", "'- what is that?"]
    assert dict(found.without) == {"no_text": 1}


def test_odd_annotations_stop_no_import_and_a_table_without_a_header_is_read_as_its_message_says(tmp_path: Path) -> None:
    results = [None, "x", {}, {"choices": None}, {"choices": "good"}, {"choices": ["bad"]}]
    annotations = [{"result": [{"type": "choices", "from_name": "label", "value": value}]} for value in results]
    path = tmp_path / "export.json"
    path.write_text(json.dumps([{"id": 1, "data": {"text": "One"}, "annotations": [*annotations, {"result": None}]}]))
    assert [each.label for each in read_labels(path)[0].labels] == ["good", "bad"]
    (path := tmp_path / "a.csv").write_text("One text,good\nAnother,bad\n")
    with pytest.raises(RequestError, match="if it is not a header: --text 0 --label 1, with positions from 0"):
        read_labels(path)
    assert [each.label for each in read_labels(path, text="0", label="1")[0].labels] == ["good", "bad"]


def test_a_damaged_sheet_is_told_in_one_line(filled: list[dict[str, Any]], tmp_path: Path) -> None:
    write_review(filled, LABELS, tmp_path / "review.xlsx")
    with zipfile.ZipFile(tmp_path / "review.xlsx") as whole, zipfile.ZipFile(tmp_path / "cut.xlsx", "w") as cut:
        for name in whole.namelist():
            data = whole.read(name)
            cut.writestr(name, data[: len(data) // 2] if "sheet1" in name else data)
    with pytest.raises(RequestError, match=r"not an Excel workbook|is damaged"):
        read_labels(tmp_path / "cut.xlsx")
