import gzip
import json
import os
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.collect.collect import check_source
from tasks.collect.files import file_sources
from tasks.collect.settings import CollectConfig
from tasks.errors import RequestError, UnavailableError

Collect = Callable


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def news(tmp_path: Path) -> Path:
    return write(
        tmp_path / "news.csv",
        'Time,Headlines\n18-Jul-20,Sales rose\n18-Jul-20,"Profit\n  fell"\nJul-18,When was that?\n17-Jul-20,Sales rose\n',
    )


COLUMNS = {"text": "Headlines", "time": "Time"}


def test_a_table_with_line_breaks_and_an_incomplete_date(collect: Collect, news: Path) -> None:
    found = collect(news, **COLUMNS)
    assert found.texts == ["Sales rose", "Profit\n  fell", "Sales rose"]
    assert [row["day"] for row in found.rows] == [date(2020, 7, 18)] * 2 + [date(2020, 7, 17)]
    assert {row["source"] for row in found.rows} == {"news.csv"}
    assert len({row["id"] for row in found.rows}) == 3
    assert found.figures == {"found": 4, "scored": 3, "duplicates": 0, "quarantined": 1}
    (bad,) = found.quarantine
    assert (bad["source"], bad["reason"], bad["bytes"]) == ("news.csv", "incomplete_date", b"Jul-18,When was that?")
    assert news.read_bytes()[bad["offset"] :].startswith(bad["bytes"])


def test_the_same_content_counts_once_whatever_holds_it(collect: Collect, news: Path, tmp_path: Path) -> None:
    collect(news, **COLUMNS)
    rows = [
        {"when": "2020-07-18T00:00:00Z", "body": "Sales  rose "},
        {"when": "2020-07-18", "body": "Profit fell"},
        {"when": 1595030400, "body": "New"},
        {"when": 1595030400000, "body": "New"},
    ]
    again = write(tmp_path / "again.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    found = collect(again, text="body", time="when")
    assert (found.texts, found.figures["duplicates"]) == (["New"], 3)


def test_an_unchanged_file_is_not_read_again_and_counts_the_same(
    collect: Collect, news: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.collect.files.RACY_SECONDS", 0.0)
    assert collect(news, **COLUMNS).report["unchanged"] == 0
    again = collect(news, **COLUMNS)
    assert again.report["unchanged"] == 1
    assert again.figures == {"found": 4, "scored": 0, "duplicates": 3, "quarantined": 1}
    assert collect(news, **COLUMNS, timezone="Asia/Tokyo").texts != []  # read otherwise, so read again
    with news.open("a") as file:
        file.write("19-Jul-20,Later\n")
    changed = collect(news, **COLUMNS)
    assert (changed.texts, changed.report["unchanged"]) == (["Later"], 0)


def test_a_file_that_was_just_written_is_read_again(collect: Collect, tmp_path: Path) -> None:
    news = write(tmp_path / "news.csv", "time,text\n2020-07-18,One\n")
    assert [collect(news).report["unchanged"] for _ in range(2)] == [0, 0]


def test_only_the_days_asked_for(collect: Collect, news: Path) -> None:
    first = collect(news, **COLUMNS, since=date(2020, 7, 18), until=date(2020, 7, 18))
    assert (first.figures["scored"], first.report["passed_over"], first.figures["quarantined"]) == (2, 1, 1)
    rest = collect(news, **COLUMNS)
    assert (rest.figures["scored"], rest.figures["duplicates"]) == (1, 2)


def test_tomorrow_is_early_but_the_day_after_is_a_slip_until_it_comes(
    collect: Collect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.collect.files.RACY_SECONDS", 0.0)
    news = write(tmp_path / "news.csv", "time,text\n2020-09-14,Soon\n2020-09-15,Too soon\n")
    found = collect(news)
    assert (found.texts, found.report["reasons"]) == (["Soon"], {"future": 1})
    later = collect(news, now=1_600_200_000.0)
    assert (later.texts, later.report["unchanged"]) == (["Too soon"], 0)


def test_an_inbox_of_every_format(collect: Collect, tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    write(inbox / "a.csv", "time,text\n2020-07-18,csv\n")
    write(inbox / "b.tsv", "time\ttext\n2020-07-18\ttsv\n")
    write(inbox / "deep/c.jsonl", '{"time": "2020-07-18", "text": "jsonl"}\n{"time": "2020-07-18"}\nno json\n')
    times = pa.array([datetime(2020, 7, 18, tzinfo=UTC), None], pa.timestamp("ms", "UTC"))
    pq.write_table(pa.table({"time": times, "text": ["parquet", "no time"]}), inbox / "d.parquet")
    pq.write_table(pa.table({"time": pa.array([date(2020, 7, 18)]), "text": ["dated"]}), inbox / "e.parquet")
    write(inbox / "f.txt", "A whole\narticle")
    write(inbox / "g.docx", "PK")
    write(inbox / "h.csv.part", "time,te")
    write(inbox / ".hidden.csv", "time,text\n2020-07-18,hidden\n")
    (inbox / "i.csv").symlink_to("/etc/passwd")
    write(inbox / "j.parquet", "torn")
    write(inbox / "k.csv", "when,what\n2020-07-18,other columns\n")
    found = collect(inbox, now=time.time())
    assert found.texts == ["csv", "tsv", "parquet", "jsonl", "dated", "A whole\narticle"]
    assert found.report["reasons"] == {
        "empty": 1,
        "link": 1,
        "malformed_row": 1,
        "missing_time": 1,
        "unknown_format": 1,
        "unreadable_file": 2,
    }
    article = next(row for row in found.rows if row["source"] == "f.txt")
    assert article["time"].timestamp() == int((inbox / "f.txt").stat().st_mtime)
    assert next(row for row in found.rows if row["text"] == "jsonl")["source"] == "deep/c.jsonl"


def test_a_pattern_that_fits_no_file_is_a_warning(collect: Collect, tmp_path: Path) -> None:
    for source in (str(tmp_path / "news-*.csv"), f"local://{tmp_path}/news-*.csv"):
        found = collect(source)
        assert found.rows == []
        assert found.report["warnings"] == [f"{source}: no file fits this pattern; correct --collect.source"]
    (tmp_path / "inbox").mkdir()
    assert collect(tmp_path / "inbox").report["warnings"] == []  # which may be filled later


def test_globs_here_and_where_fsspec_reaches(collect: Collect, tmp_path: Path) -> None:
    import fsspec

    write(tmp_path / "in/2020/a.csv", "time,text\n2020-07-18,here\n")
    write(tmp_path / "in/2021/b.csv", "time,text\n2020-07-19,too\n")
    write(tmp_path / "in/2021/b.md", "no")
    assert collect(tmp_path / "in/**/*.csv").texts == ["here", "too"]
    memory = fsspec.filesystem("memory")
    memory.pipe("/bucket/x.csv", b"time,text\n2020-07-18,far\n2020-07-18,here\n")
    memory.pipe("/bucket/y.txt.7z", b"7z")
    assert collect("memory://bucket/*.csv").texts == ["far"]
    everything = collect("memory://bucket")
    assert (everything.figures["duplicates"], everything.report["reasons"]) == (2, {"unknown_format": 1})
    memory.rm("/bucket", recursive=True)


@pytest.mark.parametrize("name", ["[old] news #1", "数据 a+b", "100%20 *", "{a,b}", "zip::x", "what?"])
def test_a_folder_of_any_name_is_taken_by_its_letters(collect: Collect, tmp_path: Path, name: str) -> None:
    write(tmp_path / name / "一.csv", "time,text\n2020-07-18,here\n")
    write(tmp_path / name / "二[2].csv", "time,text\n2020-07-19,too\n")
    write(tmp_path / "old" / "other.csv", "time,text\n2020-07-19,elsewhere\n")
    assert collect(tmp_path / name / "二[2].csv").texts == ["too"]
    assert collect(tmp_path / name / "*.csv").texts == ["here"]
    assert collect(tmp_path / name).figures["duplicates"] == 2


def test_lines_of_time_and_text_when_a_delimiter_is_given(collect: Collect, tmp_path: Path) -> None:
    lines = write(tmp_path / "lines.txt", "2020-07-18|Sales rose\n2020-07-19|Sales fell | again\n")
    found = collect(lines, delimiter="|", time="0", text="1", header=False)
    assert found.texts == ["Sales rose", "Sales fell | again"]


def test_texts_that_are_none_go_to_quarantine(collect: Collect, tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(b"time,text\n2020-07-18,\n2020-07-18,caf\xe9\n2020-07-18,a\0b\n2020-07-18," + b"x" * 50 + b"\n,fine\n")
    found = collect(path, max_chars=40)
    assert found.rows == []
    assert found.report["reasons"] == {"empty": 1, "missing_time": 1, "nul": 1, "too_long": 1, "undecodable": 1}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: folder / "absent.csv", "no such file or folder"),
        (lambda folder: write(folder / "x.csv", "when,what\n1,2\n"), r"no column 'text' for the text.*--collect\.text"),
        (lambda folder: write(folder / "y.csv", "text,what\n1,2\n"), r"no column 'time' for the time.*--collect\.time"),
        (lambda folder: write(folder / "z.parquet", "torn"), "not a readable Parquet file"),
        (lambda folder: "nowhere://x/y.csv", "nowhere"),
        (lambda folder: "memory://absent/y.csv", "no such file"),
    ],
)
def test_a_source_that_cannot_be_read_is_told_in_one_line(
    collect: Collect, tmp_path: Path, make: Callable[[Path], Path | str], message: str
) -> None:
    with pytest.raises(RequestError, match=message) as told:
        collect(make(tmp_path))
    assert "\n" not in str(told.value)


@pytest.mark.long
def test_the_guardians_headlines(collect: Collect) -> None:
    path = Path(__file__).resolve().parents[3] / "shared/data/headlines/guardian.csv"
    if not path.exists():
        pytest.skip("../shared/data is not here")
    found = collect(path, **COLUMNS)
    assert (found.figures["found"], found.report["reasons"]) == (17_800, {"incomplete_date": 40})
    days = sorted(row["day"] for row in found.rows)
    assert (days[0], days[-1]) == (date(2017, 12, 17), date(2020, 7, 18))
    assert sum("\n" in text for text in found.texts) == 1245  # the 1,246th has no full date


@pytest.mark.parametrize("place", ["inbox", "inbox/*"])
def test_a_name_that_is_no_utf_8_stops_nothing(
    collect: Collect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setattr("tasks.collect.files.RACY_SECONDS", 0.0)
    write(tmp_path / "inbox/a.csv", "time,text\n2020-07-18,One\n")
    (tmp_path / "inbox/a.csv").rename(os.fsdecode(os.fsencode(tmp_path / "inbox") + b"/caf\xe9.csv"))
    found = collect(tmp_path / place)
    assert [(row["text"], row["source"]) for row in found.rows] == [("One", "caf\\xe9.csv")]
    assert collect(tmp_path / place).report["unchanged"] == 1


def test_a_file_that_could_not_be_read_is_tried_again(
    collect: Collect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("tasks.collect.files.RACY_SECONDS", 0.0)
    write(tmp_path / "inbox/a\n\x1b[2J.csv", "time,text\n2020-07-18,One\n")
    with monkeypatch.context() as broken:
        broken.setattr(
            "tasks.documents.layouts.table.table_records",
            lambda *_, **__: (_ for _ in ()).throw(OSError(5, "Input/output error")),
        )
        assert collect(tmp_path / "inbox").report["reasons"] == {"unreadable_file": 1}
    assert [line for line in caplog.messages if "\n" in line or "\x1b" in line] == []
    assert collect(tmp_path / "inbox").texts == ["One"]


def test_a_file_that_goes_while_the_inbox_is_read_stops_nothing(
    tmp_path: Path,
) -> None:
    write(tmp_path / "inbox/a.csv", "time,text\n2020-07-18,One\n")
    write(tmp_path / "inbox/b.csv", "time,text\n2020-07-18,Two\n")
    sources = file_sources(CollectConfig(source=str(tmp_path / "inbox")))
    first = [found.text for found in next(sources).records]
    (tmp_path / "inbox/b.csv").unlink()
    assert first == ["One"]
    assert [found.reason for source in sources for found in source.records] == ["unreadable_file"]


def test_long_rows_are_held_a_few_at_a_time(collect: Collect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tasks.collect.collect import _batches
    from tasks.documents.record import Record

    monkeypatch.setattr("tasks.collect.collect.BATCH_BYTES", 100)
    batches = list(_batches(Record("", "", row, b"x" * 60) for row in range(5)))
    assert [[found.offset for found in batch] for batch in batches] == [[0, 1], [2, 3], [4]]
    news = write(tmp_path / "news.csv", "time,text\n" + "".join(f"2020-07-18,{'x' * 60} {row % 4}\n" for row in range(9)))
    assert collect(news).figures == {"found": 9, "scored": 4, "duplicates": 5, "quarantined": 0}


def test_a_library_that_fails_tells_no_address(collect: Collect, monkeypatch: pytest.MonkeyPatch) -> None:
    import fsspec

    def fail(*_: object) -> None:
        raise RuntimeError("500, url='https://example.org/x.csv?token=secret'")

    monkeypatch.setattr(fsspec.core, "url_to_fs", fail)
    with pytest.raises(UnavailableError, match=r"https://example\.org/x\.csv cannot be read") as told:
        collect("https://example.org/x.csv?token=secret")
    assert "secret" not in str(told.value)


def test_a_wrong_encoding_names_the_right_one(collect: Collect, tmp_path: Path) -> None:
    text = "time,text\n2020-07-18,公司利润大幅增长\n2020-07-19,股价下跌\n2020-07-20,银行亏损\n"
    (tmp_path / "a.csv").write_bytes(text.encode("gb18030"))
    with pytest.raises(RequestError, match=r"a\.csv is not utf-8.*use --collect\.encoding gb18030"):
        collect(tmp_path / "a.csv")
    assert len(collect(tmp_path / "a.csv", encoding="gb18030").texts) == 3
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    for number in range(3):
        (inbox / f"{number}.txt").write_bytes(f"公司利润大幅增长，第{number}条新闻".encode("gb18030"))
    found = collect(inbox, now=time.time())
    assert found.report["reasons"] == {"undecodable": 3}
    assert any("use --collect.encoding gb18030" in line for line in found.report["warnings"])


def test_several_columns_missing_words_and_lone_quotes(collect: Collect, tmp_path: Path) -> None:
    news = write(tmp_path / "news.tsv", 'time\ttitle\tbody\n2020-07-18\tUp\t"It rose\n2020-07-18\tNA\tIt fell"\nNA\tx\ty\n')
    found = collect(news, text="title,body", missing=("NA",))
    assert found.texts == ['Up\n"It rose', 'It fell"']
    assert found.report["reasons"] == {"missing_time": 1}
    table = pa.table({"time": ["2020-07-18", "\\N"], "title": ["Down", "x"], "body": [None, "y"]})
    pq.write_table(table, tmp_path / "news.parquet")
    found = collect(tmp_path / "news.parquet", text="title,body")
    assert (found.texts, found.report["reasons"]) == (["Down"], {"missing_time": 1})


def test_compressed_files_of_an_inbox_are_read(collect: Collect, tmp_path: Path) -> None:
    import fsspec

    data = gzip.compress(b"time,text\n2020-07-18,packed\n")
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox/a.csv.gz").write_bytes(data)
    assert collect(tmp_path / "inbox").texts == ["packed"]
    memory = fsspec.filesystem("memory")
    memory.pipe("/packed/x.csv.gz", gzip.compress(b"time,text\n2020-07-18,from far\n"))
    assert collect("memory://packed").texts == ["from far"]
    memory.rm("/packed", recursive=True)


def test_the_only_file_is_looked_at_before_anything_starts(tmp_path: Path) -> None:
    news = write(tmp_path / "news.csv", "when;what\n2020-07-18;Up\n")
    with pytest.raises(RequestError, match=r"no column 'text' for the text.*--collect\.text"):
        check_source(CollectConfig(source=str(news), delimiter=";"))
    with pytest.raises(RequestError, match=r"use --collect\.delimiter ';'"):
        check_source(CollectConfig(source=str(news), text="what", time="when"))
    check_source(CollectConfig(source=str(news), text="what", time="when", delimiter=";"))
    check_source(CollectConfig(source=str(write(tmp_path / "one.txt", "A whole article"))))
