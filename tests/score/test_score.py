import json
import types
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.errors import RequestError
from tasks.ingest.settings import IngestConfig
from tasks.register.models import LoadedModel
from tasks.score.predict import check_unicode, predict_texts
from tasks.score.score import score_file
from tasks.score.towards import with_towards
from tasks.score.watch import WatchList

GOOD, BAD = "profit rose, strong growth", "loss fell, weak slump"


def rows(path: Path) -> list[dict[str, Any]]:
    return list(pq.read_table(path, page_checksum_verification=True).to_pylist())


def score(source: Path, loaded: LoadedModel, **options: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    output = source.parent / "scored.parquet"
    reading = IngestConfig(text=options.pop("text", "text"))
    report = score_file(source, output, reading=reading, loaded=loaded, **options)
    return report, rows(output)


def write_csv(folder: Path) -> Path:
    path = folder / "news.csv"
    path.write_text(f'id,text\n1,"{GOOD}"\n2,"{BAD}"\n')
    return path


def write_tsv(folder: Path) -> Path:
    path = folder / "news.tsv"
    path.write_text(f"text\tdate\n{GOOD}\t1\n{BAD}\t2\n")
    return path


def write_json_lines(folder: Path) -> Path:
    path = folder / "news.jsonl"
    path.write_text("".join(json.dumps({"text": text, "n": 1}) + "\n" for text in (GOOD, BAD)))
    return path


def write_parquet(folder: Path) -> Path:
    path = folder / "news.parquet"
    pq.write_table(pa.table({"text": [GOOD, BAD]}), path)
    return path


def write_lines(folder: Path) -> Path:
    path = folder / "news.txt"
    path.write_text(f"{GOOD}\n\n{BAD}\n")
    return path


def write_folder(folder: Path) -> Path:
    (folder / "news" / "deep").mkdir(parents=True)
    (folder / "news" / "a.txt").write_text(GOOD)
    (folder / "news" / "deep" / "b.txt").write_text(BAD)
    return folder / "news"


@pytest.mark.parametrize("write", [write_csv, write_tsv, write_json_lines, write_parquet, write_lines, write_folder])
def test_every_form_of_input_is_scored(write: Any, loaded: LoadedModel, tmp_path: Path) -> None:
    report, scored = score(write(tmp_path), loaded)
    assert [row["label"] for row in scored] == ["positive", "negative"]
    assert [row["text"] for row in scored] == [GOOD, BAD]
    assert len({row["id"] for row in scored}) == 2
    assert {row["model"] for row in scored} == {"news/3"}
    assert scored[0]["confidence"] == scored[0]["probabilities"]["positive"] > 0.5
    assert sum(scored[0]["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert report["found"] == report["scored"] == 2
    assert report["labels"] == {"negative": 1, "positive": 1}


def test_files_and_single_texts_are_labelled_alike(loaded: LoadedModel, tmp_path: Path) -> None:
    texts = [GOOD, BAD, "profit fell", "zyxwv"]
    (tmp_path / "news.txt").write_text("\n".join(texts))
    _, scored = score(tmp_path / "news.txt", loaded)
    predicted = predict_texts(loaded, texts)
    assert [row["label"] for row in scored] == [each["label"] for each in predicted]
    for row, each in zip(scored, predicted, strict=True):
        assert row["probabilities"] == pytest.approx(each["probabilities"])


def test_half_a_character_is_refused_as_score_and_the_model_server_do(loaded: LoadedModel) -> None:
    assert len(predict_texts(loaded, ["", "\0", GOOD])) == 3
    with pytest.raises(RequestError, match=r"row 1: half of a character \(U\+D83D\)"):
        predict_texts(loaded, [GOOD, "news \ud83d of half"])


def test_nothing_is_lost(loaded: LoadedModel, tmp_path: Path) -> None:
    path = tmp_path / "news.csv"
    path.write_bytes(
        b"text\n" + GOOD.replace(",", "").encode() + b"\n\xff\xfe broken\n" + b'"  "\n' + b"nul\0here\n" + b"one,two,three\n"
    )
    report, scored = score(path, loaded)
    assert report["found"] == len(scored) == 5
    assert report["found"] == report["scored"] + report["quarantined"]
    assert report["scored"] == 1
    reasons = [row["reason"] for row in scored]
    assert reasons == [None, "undecodable", "empty", "nul", "malformed_row"]
    for row in scored[1:]:
        assert row["label"] is row["text"] is row["confidence"] is row["probabilities"] is None


def test_what_the_model_cannot_read_gets_no_label_and_a_reason(loaded: LoadedModel, tmp_path: Path) -> None:
    texts = ["😡", "...", "zyxwv", GOOD, "——！"]
    (tmp_path / "news.txt").write_text("\n".join(texts))
    report, scored = score(tmp_path / "news.txt", loaded)
    nothing, unknown = "empty_after_cleaning", "no_known_word"
    assert [row["reason"] for row in scored] == [nothing, nothing, unknown, None, nothing]
    assert [row["label"] for row in scored] == [None, None, None, "positive", None]
    assert [row["confidence"] is None for row in scored] == [True, True, False, False, True]
    assert [row["probabilities"] is None for row in scored] == [True, True, False, False, True]
    assert [row["text"] for row in scored] == texts
    assert report["reasons"] == {nothing: 3, unknown: 1}
    assert (report["found"], report["scored"], report["quarantined"]) == (5, 1, 4)
    for prediction, row in zip(predict_texts(loaded, texts), scored, strict=True):
        assert prediction["label"] == row["label"]
        assert prediction["reason"] == row["reason"]


def test_a_package_of_before_models_gave_reasons_answers_alike(loaded: LoadedModel) -> None:
    class Old:
        """What a package of textmill 0.1 could do."""

        labels = loaded.model.labels

        def read(self, texts: list[str]) -> Any:
            reading = loaded.model.read(texts)
            return types.SimpleNamespace(probabilities=reading.probabilities, tokens=reading.tokens, unseen=reading.unseen)

        def predict(self, texts: list[str]) -> Any:
            answer = {"label": "negative", "confidence": 0.5, "probabilities": {"negative": 0.5, "positive": 0.5}}
            return [answer] * len(texts)

    old = LoadedModel("news", 1, Old())
    first, second = predict_texts(old, ["...", GOOD])
    assert first == {"label": None, "confidence": None, "probabilities": None, "reason": "empty_after_cleaning"}
    assert (second["label"], second["reason"]) == ("negative", None)


def test_below_the_least_confidence_the_label_is_left_out(loaded: LoadedModel, tmp_path: Path) -> None:
    (tmp_path / "news.txt").write_text(f"{GOOD}\nthe zyxwv\n")
    report, scored = score(tmp_path / "news.txt", loaded, min_confidence=0.8)
    assert [row["label"] for row in scored] == ["positive", None]
    assert scored[1]["reason"] == "uncertain"
    assert scored[1]["confidence"] < 0.8
    assert scored[1]["probabilities"]["positive"] > 0
    assert (report["scored"], report["uncertain"], report["quarantined"]) == (2, 1, 0)


def test_rows_keep_their_order_across_batches(loaded: LoadedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.score.parts.BATCH", 3)
    texts = [f"{GOOD if number % 3 else BAD} {number}" for number in range(10)]
    (tmp_path / "news.txt").write_text("\n".join(texts))
    _, scored = score(tmp_path / "news.txt", loaded)
    assert [row["text"] for row in scored] == texts
    assert [row["label"] for row in scored] == ["positive" if number % 3 else "negative" for number in range(10)]


def test_the_column_is_chosen_and_a_missing_one_named(loaded: LoadedModel, tmp_path: Path) -> None:
    path = tmp_path / "news.csv"
    path.write_text(f'headline,date\n"{GOOD}",1\n')
    assert score(path, loaded, text="headline")[1][0]["label"] == "positive"
    with pytest.raises(RequestError, match=r"no column 'body'.*'headline'.*--text") as caught:
        score(path, loaded, text="body")
    assert "ingest" not in str(caught.value)
    (tmp_path / "one.csv").write_text(f'"{GOOD}"\n')
    for name, said in (
        ("news.csv", "if it is not a header: --no-header, with positions"),
        ("one.csv", "It has one column only$"),
    ):
        with pytest.raises(RequestError, match=said):
            score(tmp_path / name, loaded, text="body")


def test_a_failure_leaves_the_old_output_and_no_other_file(loaded: LoadedModel, tmp_path: Path) -> None:
    (tmp_path / "scored.parquet").write_bytes(b"old")
    (tmp_path / "news.txt").write_text("\n\n")
    with pytest.raises(RequestError, match="no text in it"):
        score(tmp_path / "news.txt", loaded)
    assert (tmp_path / "scored.parquet").read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["news.txt", "scored.parquet"]


def test_paths_that_cannot_be_used_are_refused(loaded: LoadedModel, tmp_path: Path) -> None:
    (tmp_path / "news.txt").write_text(GOOD)
    cases = [
        (tmp_path / "none.txt", tmp_path / "o.parquet", "no such file"),
        (tmp_path / "news.txt", tmp_path, "a folder"),
        (tmp_path / "news.txt", tmp_path / "missing" / "o.parquet", "create it first"),
        (tmp_path / "news.txt", tmp_path / "news.txt", "this is the input"),
    ]
    for source, output, message in cases:
        with pytest.raises(RequestError, match=message):
            score_file(source, output, reading=IngestConfig(), loaded=loaded)
    assert (tmp_path / "news.txt").read_text() == GOOD


def test_a_wrong_encoding_is_refused_with_the_right_one(loaded: LoadedModel, tmp_path: Path) -> None:
    for name, head in (("news.csv", "text,day\n"), ("news.txt", ""), ("news.jsonl", "")):
        lines = ['{"text": "公司利润大幅增长"}' if name == "news.jsonl" else "公司利润大幅增长" + ",1" * bool(head)] * 5
        (tmp_path / name).write_bytes((head + "\n".join(lines)).encode("gb18030"))
        with pytest.raises(RequestError, match=r"is not utf-8.*公司利润大幅增长.*use --encoding gb18030"):
            score(tmp_path / name, loaded)
    (tmp_path / "late.txt").write_bytes(b"fine\n" * 200 + "公司利润大幅增长\n".encode("gb18030") * 50)
    with pytest.raises(RequestError, match=r"nor are 50 of 250 records.*use --encoding gb18030"):
        score(tmp_path / "late.txt", loaded)
    assert not (tmp_path / "scored.parquet").exists()


def test_doubtful_texts_are_scored_and_told(loaded: LoadedModel, tmp_path: Path) -> None:
    (tmp_path / "news.txt").write_text("crÃ¨me brÃ»lÃ©e\nprofit rose\n", encoding="utf-8")
    report, scored = score(tmp_path / "news.txt", loaded)
    assert len(scored) == 2
    assert "look like utf-8 that was once read as cp1252" in report["warnings"][0]


def test_several_columns_words_for_missing_and_quotes(loaded: LoadedModel, tmp_path: Path) -> None:
    (tmp_path / "news.csv").write_text("title,body\nprofit rose,strong growth\nNA,loss fell\n,\n")
    output = tmp_path / "o.parquet"
    score_file(tmp_path / "news.csv", output, reading=IngestConfig(text="title,body", missing=("NA",)), loaded=loaded)
    assert [(row["text"], row["reason"]) for row in rows(output)] == [
        ("profit rose\nstrong growth", None),
        ("loss fell", None),
        (None, "empty"),
    ]
    (tmp_path / "news.tsv").write_text('text\tday\n"profit rose\t1\nloss fell\t2\ngrowth"\t3\n')
    for quoting, texts in (
        ("auto", ['"profit rose', "loss fell", 'growth"']),
        ("standard", ["profit rose\t1\nloss fell\t2\ngrowth"]),
    ):
        report = score_file(tmp_path / "news.tsv", output, reading=IngestConfig(quoting=quoting), loaded=loaded)
        assert [row["text"] for row in rows(output)] == texts
        assert [line for line in report["warnings"] if "use --quoting none" in line] == report["warnings"]
        assert len(report["warnings"]) == (quoting == "standard")


def test_labels_of_fasttexts_lines_are_no_text(loaded: LoadedModel, tmp_path: Path) -> None:
    (tmp_path / "news.txt").write_text("__label__x profit rose\n__label__y __label__z loss fell\n")
    assert [row["text"] for row in score(tmp_path / "news.txt", loaded)[1]] == ["profit rose", "loss fell"]


def test_texts_that_are_not_utf_8_say_what_they_are() -> None:
    given = "公司利润增长\n好".encode("gb18030").decode("utf-8", "surrogateescape").split("\n")
    with pytest.raises(RequestError, match=r"standard input: text 2 is not UTF-8; it reads as gb18030.*iconv -f gb18030"):
        check_unicode(["fine", *given], "standard input")
    check_unicode(["fine", "好", "\ud83d half of a pair"], "standard input")


def test_rows_may_be_ranked_by_a_label(loaded: LoadedModel, tmp_path: Path) -> None:
    (tmp_path / "news.txt").write_text("profit rose\n\nloss fell\nprofit loss\nstrong growth, profit rose\n")
    report = score_file(
        tmp_path / "news.txt", tmp_path / "ranked.parquet", reading=IngestConfig(), loaded=loaded, rank="positive"
    )
    rows = pq.read_table(tmp_path / "ranked.parquet").to_pylist()
    sure = [row["probabilities"]["positive"] for row in rows if row["probabilities"]]
    assert sure == sorted(sure, reverse=True)
    assert len(rows) == report["found"]
    assert all(row["probabilities"] is None for row in rows[len(sure) :])
    with pytest.raises(RequestError, match=r"^--rank ugly is no label of news/3; its labels are negative, positive"):
        score_file(tmp_path / "news.txt", tmp_path / "no.parquet", reading=IngestConfig(), loaded=loaded, rank="ugly")
    assert not (tmp_path / "no.parquet").exists()


def test_a_watch_list_adds_the_sentiment_towards_each_name(tmp_path: Path, loaded: LoadedModel) -> None:
    path = tmp_path / "news.csv"
    path.write_text(f'text,towards\n"Corvane: {GOOD}; Ostby: {BAD}",x\n...,y\nqqqq Ostby,z\n')
    watch = WatchList({"Corvane": ["Corvane"], "Ostby": ["Ostby"]}, {})
    report, found = score(path, loaded, watch=watch)
    assert report["found"] == 3
    assert [(each["name"], each["label"], each["from"]) for each in found[0]["towards"]] == [
        ("Corvane", "positive", "clause"),
        ("Ostby", "negative", "clause"),
    ]
    assert found[1]["towards"] == []
    assert found[2]["towards"] == [{"name": "Ostby", "label": None, "confidence": None, "from": "text"}]
    assert [row["input_towards"] for row in found] == ["x", "y", "z"]
    _, plain = score(path, loaded)
    assert [row["towards"] for row in plain] == ["x", "y", "z"]
    (predicted,) = with_towards(loaded, watch, [f"Corvane: {GOOD}; Ostby: {BAD}"], [{"label": "x"}])
    assert predicted["towards"] == [{**each, "confidence": pytest.approx(each["confidence"])} for each in found[0]["towards"]]
