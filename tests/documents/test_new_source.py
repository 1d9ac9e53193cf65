"""A stranger's source is one new file and one line in the table: shown in a copy of the tree."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

CHECKOUT = Path(__file__).parents[2]
SOURCE = '''
"""A data set as the Hugging Face hub stores it: Parquet files whose names begin with their split."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tasks.documents.layout import Layout, Notes
from tasks.documents.layouts.table import TableLayout
from tasks.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks.documents.record import Record


class HubLayout(Layout):
    """The rows of data/train-*.parquet and data/test-*.parquet, file after file."""

    name = "hub"
    note = "for a folder of the hub"

    def check(self) -> None:
        """Raise RequestError for a folder without files, or for wrong columns."""
        if not self._parts():
            raise RequestError(f"{self.path}: no data/train-*.parquet below this folder")
        for part in self._parts():
            part.check()

    def records(self, notes: Notes) -> Iterator[Record]:
        """Yield the rows."""
        for part in self._parts():
            yield from part.records(notes)

    def own_test_split(self) -> str:
        """Always."""
        return f"{self.path} has its own test split"

    def _parts(self) -> list[TableLayout]:
        found = sorted((self.path / "data").glob("*-*.parquet"))
        return [TableLayout(replace(self.asked, path=path, split=path.name.split("-")[0])) for path in found]
'''
RUN = """
import json, sys
from pathlib import Path
from tasks.config import IngestConfig
from tasks.errors import RequestError
from tasks.ingest.corpus import write_corpus
source = IngestConfig.model_json_schema()["properties"]["source"]
choices, told = source["enum"], source["description"]
report = write_corpus(IngestConfig(source="hub", path=Path(sys.argv[1])), Path(sys.argv[2]))
try:
    write_corpus(IngestConfig(source="hub", path=Path(sys.argv[2])), Path(sys.argv[2]))
except RequestError as error:
    refused = str(error)
print(json.dumps([choices, told, report, refused]))
"""


WIRE = '''
"""A wire: a line `label|time|text` for each document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.documents.layout import Layout, Notes
from tasks.documents.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterator


class WireLayout(Layout):
    """The lines of a .wire file."""

    name = "wire"
    suffixes = frozenset({".wire"})

    def records(self, notes: Notes) -> Iterator[Record]:
        """Yield the lines."""
        name = self.asked.prefix + self.path.name
        for number, line in enumerate(self.path.read_bytes().splitlines()):
            label, time, data = line.split(b"|")
            yield Record(
                f"{name}:{number}", name, 0, data, label=label.decode(), time=time.decode(), split=self.asked.split
            )
'''
READ_BY_ALL = """
import json, sys
from pathlib import Path
from tests.documents.test_matrix import collected, ingested, scored, unlabelled
path, folder = Path(sys.argv[1]), Path(sys.argv[2])
inbox = folder / "inbox"
inbox.mkdir()
(inbox / path.name).write_bytes(path.read_bytes())
print(json.dumps([ingested(path, folder), unlabelled(path, folder), scored(path, folder), collected(inbox, folder)]))
"""


def tree_with(source: str, name: str, folder: Path) -> Path:
    """A copy of the tree in which a layout is added as a file and a line."""
    shutil.copytree(CHECKOUT / "tasks", folder / "tasks", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / f"tasks/documents/layouts/{name}.py").write_text(source.lstrip())
    table, made = folder / "tasks/documents/layouts/__init__.py", f"{name.capitalize()}Layout"
    first = '    "torchtext":'
    text = table.read_text().replace(first, f'    "{name}": {made},\n{first}')
    table.write_text(f"from tasks.documents.layouts.{name} import {made}\n" + text)
    return folder


def test_a_layout_with_a_suffix_of_its_own_is_read_by_training_score_and_refresh(tmp_path: Path) -> None:
    tree = tree_with(WIRE, "wire", tmp_path / "tree")
    shutil.copytree(CHECKOUT / "tests/documents", tree / "tests/documents", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "news.wire").write_text("good|2020-07-16|Profit rose\nbad|2020-07-17|Loss widened\n")
    (tmp_path / "out").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", READ_BY_ALL, tmp_path / "news.wire", tmp_path / "out"],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree)},
        check=True,
        capture_output=True,
        text=True,
    )
    texts = ["Profit rose", "Loss widened"]
    assert json.loads(done.stdout) == [[[texts[0], "good"], [texts[1], "bad"]], texts, texts, texts]


def test_a_source_is_one_file_and_one_line(tmp_path: Path) -> None:
    tree = tree_with(SOURCE, "hub", tmp_path / "tree")
    data = tmp_path / "news" / "data"
    data.mkdir(parents=True)
    for split in ("train", "test"):
        rows = {"text": [f"{split} one", f"{split} two"], "label": ["good", "bad"]}
        pq.write_table(pa.table(rows), data / f"{split}-00000-of-00001.parquet")
    (tmp_path / "out").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", RUN, data.parent, tmp_path / "out"],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree)},
        check=True,
        capture_output=True,
        text=True,
    )
    choices, told, report, refused = json.loads(done.stdout)
    assert "hub" in choices
    assert "hub for a folder of the hub, " in told
    assert report["splits"] == {"test": 2, "train": 2}
    assert report["labels"] == {"bad": 2, "good": 2}
    assert refused.endswith("no data/train-*.parquet below this folder")
