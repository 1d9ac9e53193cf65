"""The sets of torchtext.datasets, in files as torchtext leaves them; all texts are invented."""

from __future__ import annotations

import csv
import hashlib
import importlib
import io
import shutil
import tracemalloc
import typing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from tasks.documents.layouts.torchtext import DATA_SETS
from tasks.errors import RequestError
from tasks.ingest.settings import IngestConfig, TorchtextSet
from tasks.store.artifact import Fingerprints, section_values
from tests.examples import examples
from tests.writers import write_tar, write_zip

if typing.TYPE_CHECKING:
    from collections.abc import Callable
    from types import SimpleNamespace

NAMES = sorted(DATA_SETS)
TEXTS = (
    'A "fair", if long, film',
    "plain words",
    "two\nlines",
    "a\\nb \\ c",
    "café 电影 \x85 \u2028",
    " blanks\tand tabs ",
    '""',
    "semi;colon",
    "it's",
)


def table(rows: list[list[str]], delimiter: str = ",", quoting: Any = csv.QUOTE_ALL) -> bytes:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, quoting=quoting, lineterminator="\n").writerows(rows)
    return out.getvalue().encode()


def tab_lines(rows: list[list[str]]) -> bytes:
    return "".join("\t".join(row) + "\n" for row in rows).encode()


def contents(name: str) -> dict[str, bytes]:
    """Each part of a set, as it would stand unpacked."""
    parts = DATA_SETS[name].parts
    if name == "IMDB":
        return {part.file: f"{part.file} was ok <br />\nso \x85 so\n".encode() for part in parts}
    if name == "CoLA":
        plain = ["Who saw what?", '"Quoted', "The dog's."]
        return {
            part.file: tab_lines(
                [["gj04", "1", "", "First line."], *(["gj04", str(n % 2), "*", text] for n, text in enumerate(plain))]
            )
            for part in parts
        }
    if name == "SST2":
        plain = ["a stirring , funny film ", 'so "called" art', " dull "]
        labelled = tab_lines([["sentence", "label"], *([text, str(n % 2)] for n, text in enumerate(plain))])
        test = tab_lines([["index", "sentence"], *([str(n), text] for n, text in enumerate(plain))])
        return {part.file: test if part.split == "unlabelled" else labelled for part in parts}
    more = parts[0].form.columns - 2
    return {
        part.file: table(
            [
                [str(n % 4 + 1), part.split, *TEXTS[n : n + more]][: more + 2] if more else [str(n % 4 + 1), text]
                for n, text in enumerate(TEXTS[:7])
            ]
        )
        for part in parts
    }


def put_set(root: Path, name: str, *, packed: bool, replace: dict[str, bytes] | None = None) -> Path:
    """Write a set below `root`, in its archive where it has one and `packed` says so; return the set's folder."""
    folder = root / "datasets" / name
    folder.mkdir(parents=True)
    archive = DATA_SETS[name].archive
    files = contents(name) | (replace or {})
    if archive is None or not packed:
        for file, data in files.items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_bytes(data)
    elif archive.endswith(".zip"):
        write_zip(folder / archive, {"beside/original.txt": b"no part", **files})
    elif name == "IMDB":
        members: dict[str, bytes] = {}
        for file, data in files.items():
            where = file.replace("aclImdb_v1", "aclImdb")
            members |= {f"{where}/{n}_7.txt": line for n, line in enumerate(data.splitlines())}
        write_tar(folder / archive, members | {"aclImdb/train/unsup/0_0.txt": b"no label", "aclImdb/README": b"x"})
    else:
        write_tar(folder / archive, {Path(file).parent.as_posix() + "/readme.txt": b"x" for file in files} | files)
    return folder


@pytest.fixture
def put(tmp_path: Path) -> Callable[..., Path]:
    def run(name: str, *, packed: bool = False, root: str = "root", replace: dict[str, bytes] | None = None) -> Path:
        put_set(tmp_path / root, name, packed=packed, replace=replace)
        return tmp_path / root

    return run


def by_split(out: Any, split: str) -> list[tuple[str | None, str]]:
    return [(row["label"], row["text"]) for row in out.rows if row["split"] == split]


@pytest.mark.parametrize("packed", [False, True], ids=["unpacked", "packed"])
def test_a_table_of_labels_and_texts(put: Callable[..., Path], ingest: Callable[..., SimpleNamespace], packed: bool) -> None:
    out = ingest(dataset="YahooAnswers", path=put("YahooAnswers", packed=packed))
    assert by_split(out, "test")[:2] == [
        ("1", 'test A "fair", if long, film plain words'),
        ("2", "test plain words two\nlines"),
    ]
    assert out.report["splits"] == {"test": 7, "train": 7}
    assert out.rows[3]["id"] == "yahoo_answers_csv/train.csv:6"
    one = ingest(dataset="YelpReviewFull", path=put("YelpReviewFull", packed=packed))
    assert by_split(one, "train") == [(str(n % 4 + 1), text) for n, text in enumerate(TEXTS[:7])]
    assert one.report["quarantined"] == 0


@pytest.mark.parametrize("packed", [False, True], ids=["unpacked", "packed"])
def test_sst2_is_tested_on_dev_since_its_test_rows_have_no_labels(
    put: Callable[..., Path], ingest: Callable[..., SimpleNamespace], packed: bool
) -> None:
    root = put("SST2", packed=packed)
    out = ingest(dataset="SST2", path=root)
    texts = ["a stirring , funny film", 'so "called" art', "dull"]
    labelled = [(str(n % 2), text) for n, text in enumerate(texts)]
    assert by_split(out, "train") == by_split(out, "test") == labelled
    assert by_split(out, "unlabelled") == [(None, text) for text in texts]
    assert ingest(dataset="SST2", path=root, with_unlabelled=False).report["splits"] == {"train": 3, "test": 3}


def test_cola_trains_on_dev_too_and_quotes_mean_nothing(
    put: Callable[..., Path], ingest: Callable[..., SimpleNamespace]
) -> None:
    out = ingest(dataset="CoLA", path=put("CoLA", packed=True))
    rows = [("0", "Who saw what?"), ("1", '"Quoted'), ("0", "The dog's.")]
    assert by_split(out, "train") == rows * 2
    assert by_split(out, "test") == rows


@pytest.mark.parametrize("packed", [False, True], ids=["unpacked", "packed"])
def test_imdb_has_the_numbers_of_torchtext(
    put: Callable[..., Path], ingest: Callable[..., SimpleNamespace], packed: bool
) -> None:
    out = ingest(dataset="IMDB", path=put("IMDB", packed=packed))
    for split in ("train", "test"):
        expected = [
            (label, text)
            for label, name in (("1", "neg"), ("2", "pos"))
            for text in (f"aclImdb_v1/{split}/{name} was ok <br />", "so \x85 so")
        ]
        assert sorted(by_split(out, split)) == sorted(expected)
    assert out.report["found"] == 8


@pytest.mark.parametrize("name", [name for name in NAMES if DATA_SETS[name].archive and name != "IMDB"])
def test_packed_and_unpacked_are_the_same_corpus(
    put: Callable[..., Path], ingest: Callable[..., SimpleNamespace], name: str
) -> None:
    corpora = [ingest(dataset=name, path=put(name, packed=packed, root=str(packed))).rows for packed in (False, True)]
    assert corpora[0] == corpora[1] != []


def test_a_part_beside_its_archive_is_read_once(
    put: Callable[..., Path], ingest: Callable[..., SimpleNamespace], tmp_path: Path
) -> None:
    out = ingest(dataset="DBpedia", path=put("DBpedia", packed=True))
    folder = tmp_path / "root/datasets/DBpedia/dbpedia_csv"
    folder.mkdir()
    (folder / "train.csv").write_bytes(table([["1", "of", "the file"], ["2", "of", "the file too"]]))
    both = ingest(dataset="DBpedia", path=tmp_path / "root")
    assert by_split(both, "train") == [("1", "of the file"), ("2", "of the file too")]
    assert by_split(both, "test") == by_split(out, "test")


def test_bad_rows_go_to_quarantine(put: Callable[..., Path], ingest: Callable[..., SimpleNamespace]) -> None:
    rows = [
        b'"1","good","film"',
        b'"2","bad","film"',
        b'"one","no","number"',
        b'"1","two columns"',
        b'"1","four","columns","here"',
        b'"","no","label"',
        b'"1","not utf-8","\xff"',
        b'"1"," ",""',
        b'"1","nul","\0"',
        b'"3","half" open,"x"',
        b'" 2 ","never, closed',
        b'"-1","fine","again"',
        b'"1","a lone\rreturn","x"',
    ]
    out = ingest(dataset="AG_NEWS", path=put("AG_NEWS", replace={"train.csv": b"\n".join(rows), "test.csv": b'"1","t","u"\n'}))
    assert by_split(out, "train") == [("1", "good film"), ("2", "bad film"), ("-1", "fine again"), ("1", "a lone\nreturn x")]
    assert out.report["reasons"] == {"malformed_row": 6, "undecodable": 1, "empty": 1, "nul": 1}
    whole = b"\n".join(rows)
    for found in out.quarantine:
        assert found["source"] == "train.csv"
        if found["reason"] != "undecodable":
            assert whole[found["offset"] :].startswith(found["bytes"])
    assert whole[next(row["offset"] for row in out.quarantine if row["reason"] == "undecodable")] == 0xFF


def test_a_long_line_of_imdb_goes_to_quarantine(put: Callable[..., Path], ingest: Callable[..., SimpleNamespace]) -> None:
    data = b"short\n" + b"x" * 1_100_000 + b"\n\xff\n\n"
    out = ingest(dataset="IMDB", path=put("IMDB", replace={"aclImdb_v1/test/neg": data}), max_chars=100)
    assert out.report["reasons"] == {"too_long": 1, "undecodable": 1, "empty": 1}


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_file_is_named_with_its_url(tmp_path: Path, ingest: Callable[..., SimpleNamespace], name: str) -> None:
    data_set = DATA_SETS[name]
    file, url = data_set.archive or data_set.parts[0].file, data_set.url or data_set.parts[0].url
    with pytest.raises(RequestError) as caught:
        ingest(dataset=name, path=tmp_path)
    message = str(caught.value)
    assert str(tmp_path / "datasets" / name / file) in message
    assert f"fetch it from {url}" in message
    assert "\n" not in message


def test_the_second_file_of_two_is_missed_too(
    put: Callable[..., Path], ingest: Callable[..., SimpleNamespace], tmp_path: Path
) -> None:
    root = put("AG_NEWS")
    (root / "datasets/AG_NEWS/test.csv").unlink()
    with pytest.raises(RequestError, match=r"AG_NEWS/test\.csv: no such file; fetch it from https://raw.*/test\.csv"):
        ingest(dataset="AG_NEWS", path=root)


@pytest.mark.parametrize("name", ["SST2", "SogouNews", "IMDB"])
def test_a_damaged_archive_is_a_clear_error(
    put: Callable[..., Path], ingest: Callable[..., SimpleNamespace], name: str
) -> None:
    root = put(name, packed=True)
    archive = root / "datasets" / name / str(DATA_SETS[name].archive)
    whole = archive.read_bytes()
    archive.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RequestError, match=r"damaged or cut off|not a readable archive"):
        ingest(dataset=name, path=root)
    archive.write_bytes(b"<html>quota exceeded</html>")
    with pytest.raises(RequestError, match=r"not a readable archive; fetch it anew from http"):
        ingest(dataset=name, path=root)


def test_a_changed_byte_in_a_zip_is_seen(put: Callable[..., Path], ingest: Callable[..., SimpleNamespace]) -> None:
    root = put("SST2", packed=True)
    archive = root / "datasets/SST2/SST-2.zip"
    damaged = bytearray(archive.read_bytes())
    damaged[damaged.index(b"SST-2/train.tsv") + 40] ^= 0xFF
    archive.write_bytes(damaged)
    with pytest.raises(RequestError, match=r"SST-2\.zip: the archive is damaged"):
        ingest(dataset="SST2", path=root)


def test_an_archive_that_lacks_a_part(tmp_path: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    folder = tmp_path / "datasets/DBpedia"
    folder.mkdir(parents=True)
    write_tar(folder / "dbpedia_csv.tar.gz", {"dbpedia_csv/train.csv": table([["1", "a", "b"], ["2", "c", "d"]])})
    with pytest.raises(RequestError, match=r"dbpedia_csv\.tar\.gz: no dbpedia_csv/test\.csv in it; get a whole copy"):
        ingest(dataset="DBpedia", path=tmp_path)


def test_a_second_member_of_the_same_name_and_one_that_only_ends_so_are_none(
    tmp_path: Path, ingest: Callable[..., SimpleNamespace]
) -> None:
    folder = tmp_path / "datasets/DBpedia"
    folder.mkdir(parents=True)
    train, test = table([["1", "a", "b"], ["2", "c", "d"]]), table([["1", "e", "f"]])
    members = [("./dbpedia_csv/train.csv", train), ("dbpedia_csv/train.csv", b"again"), ("my_dbpedia_csv/test.csv", b"other")]
    write_tar(folder / "dbpedia_csv.tar.gz", [*members, ("dbpedia_csv/test.csv", test)])
    out = ingest(dataset="DBpedia", path=tmp_path)
    assert out.texts == {"dbpedia_csv/train.csv:1": "a b", "dbpedia_csv/train.csv:2": "c d", "dbpedia_csv/test.csv:1": "e f"}


@pytest.mark.long
def test_a_large_member_is_streamed(tmp_path: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    folder = tmp_path / "datasets/YelpReviewPolarity"
    folder.mkdir(parents=True)
    rows = table([[str(n % 2 + 1), f"{n} " + "x" * 1000] for n in range(24_000)])
    name = "yelp_review_polarity_csv"
    write_tar(folder / f"{name}.tar.gz", {f"{name}/train.csv": rows, f"{name}/test.csv": b'"1","a"\n'}, compresslevel=1)
    tracemalloc.start()
    try:
        out = ingest_only(tmp_path, folder)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert out["kept"] == 24_001
    assert peak < len(rows)


def ingest_only(root: Path, out: Path) -> dict:
    from tasks.ingest.corpus import write_corpus

    return write_corpus(IngestConfig(dataset="YelpReviewPolarity", path=root), out)


def test_the_path_is_narrowed_to_the_set_once(put: Callable[..., Path], tmp_path: Path) -> None:
    config = IngestConfig(dataset="SST2", path=tmp_path)
    assert config.path == tmp_path / "datasets/SST2"
    assert IngestConfig(**config.model_dump()) == config
    assert IngestConfig.model_validate_json(config.model_dump_json()) == config
    assert IngestConfig(source="torchtext", dataset="SST2", path="data").path == Path("data/datasets/SST2")


def test_other_sets_below_the_root_are_no_part_of_the_key(put: Callable[..., Path], tmp_path: Path) -> None:
    config = IngestConfig(dataset="SST2", path=put("SST2"))
    fingerprints = Fingerprints(tmp_path / "memory.sqlite")
    before = section_values(config, fingerprints)
    put("CoLA")
    assert section_values(config, fingerprints) == before
    assert isinstance(config.path, Path)
    (config.path / "SST-2/dev.tsv").write_text("sentence\tlabel\nother\t1\n")
    assert section_values(config, fingerprints) != before


def test_names_of_the_knob_are_those_of_the_reader() -> None:
    assert sorted(typing.get_args(TorchtextSet)) == NAMES


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dataset": "MNLI", "path": "."}, "MNLI is made of pairs of texts"),
        ({"dataset": "Multi30k", "path": "."}, "Input should be 'AG_NEWS'"),
        ({"dataset": ["MNLI"], "path": "."}, "Input should be 'AG_NEWS'"),
        ({"dataset": "SST2", "source": "table"}, "dataset SST2 is one of torchtext's; set source torchtext"),
        ({"source": "torchtext", "path": "."}, "name one, such as dataset AG_NEWS"),
    ],
)
def test_options_that_do_not_fit(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        IngestConfig(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"path": None}, "--ingest.dataset SST2: give --ingest.path, torchtext's root folder"),
        ({"archive": "a.tar.gz"}, "--ingest.archive and --ingest.path are both given"),
        ({"path": None, "archive": "a.tar.gz"}, "--ingest.archive is for imdb; for torchtext give --ingest.path"),
        ({"test_path": "a.csv"}, "--ingest.test-path: SST2 has its own test split"),
        ({"encoding": "latin-1"}, "--ingest.encoding latin-1: SST2 is read as UTF-8"),
    ],
)
def test_requests_that_cannot_be_met(
    put: Callable[..., Path], ingest: Callable[..., SimpleNamespace], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(RequestError, match=message):
        ingest(**({"dataset": "SST2", "path": put("SST2")} | options))


@examples(60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(1, 4), st.text(), st.text()), min_size=2), st.booleans())
def test_whatever_csv_writes_comes_back(
    tmp_path: Path, ingest: Callable[..., SimpleNamespace], rows: Any, quote_all: bool
) -> None:
    usable = [(label, f"t{title}", text.replace("\r", "\n")) for label, title, text in rows]
    usable = [row for row in usable if "\0" not in "".join(row[1:]) and "".join(row[1:]).isprintable()]
    folder = tmp_path / "datasets/AG_NEWS"
    folder.mkdir(parents=True, exist_ok=True)
    quoting = csv.QUOTE_ALL if quote_all else csv.QUOTE_MINIMAL
    data = table([["1", "a", "b"], ["2", "a", "b"], *([str(label), *texts] for label, *texts in usable)], quoting=quoting)
    for name in ("train.csv", "test.csv"):
        (folder / name).write_bytes(data)
    out = ingest(dataset="AG_NEWS", path=tmp_path)
    assert by_split(out, "train")[2:] == [(str(label), " ".join(texts)) for label, *texts in usable]


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")  # torchtext and torchdata warn of their end
@pytest.mark.parametrize("packed", [False, True], ids=["unpacked", "packed"])
@pytest.mark.parametrize("name", NAMES)
def test_records_are_those_of_torchtext(
    put: Callable[..., Path],
    ingest: Callable[..., SimpleNamespace],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    name: str,
    packed: bool,
) -> None:
    pytest.importorskip("torchtext", reason="torchtext is not installed (make torchtext)")
    import torchtext

    torchtext.disable_torchtext_deprecation_warning()
    module = importlib.import_module(f"torchtext.datasets.{name.lower()}")
    ours = ingest(dataset=name, path=put(name, packed=packed))
    root = tmp_path / "theirs"  # which torchtext unpacks, and so changes
    shutil.copytree(put(name, packed=True, root="packed"), root)
    folder = root / "datasets" / name
    if DATA_SETS[name].archive is None:
        monkeypatch.setattr(module, "MD5", {part.split: md5(folder / part.file) for part in DATA_SETS[name].parts})
    else:
        monkeypatch.setattr(module, "MD5", md5(folder / str(DATA_SETS[name].archive)))
    function = getattr(module, name)
    names = {"CoLA": ("train", "dev", "test"), "SST2": ("train", "dev", "test")}.get(name, ("train", "test"))
    theirs = {part: list(function(root=str(root), split=part)) for part in names}
    for split in ("train", "test", "unlabelled"):
        expected = [record for part in names if split_of(name, part) == split for record in map(as_ours, theirs[part])]
        assert by_split(ours, split) == expected
    assert ours.report["quarantined"] == 0


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


def split_of(name: str, part: str) -> str:
    if name == "SST2":
        return {"train": "train", "dev": "test", "test": "unlabelled"}[part]
    return {"train": "train", "dev": "train", "test": "test"}[part]


def as_ours(record: tuple) -> tuple[str | None, str]:
    """A torchtext record is (label, text), of CoLA (source, label, text), of SST2 (text, label) or (text,)."""
    if isinstance(record[0], int):
        return str(record[0]), record[1]
    if len(record) == 3:
        return str(record[1]), record[2]
    return (str(record[1]) if len(record) == 2 else None), record[0]
