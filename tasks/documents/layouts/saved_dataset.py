"""A data set as `save_to_disk` of the Hugging Face library `datasets` writes it, read without that library.

    set/dataset_dict.json, train/, test/, validation/      several splits, each in a folder of this form:
    set/dataset_info.json, state.json, data-00000-of-00001.arrow

`state.json` lists the files, which are Arrow streams; `dataset_info.json` names the classes of a ClassLabel, whose values are
numbers, -1 where there is none. The split `test` is the official test split, `validation` that of validation rows.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tasks.documents.layout import Asked, Layout, Notes
from tasks.documents.splits import SPLITS
from tasks.errors import RequestError
from tasks.in_use import unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa

    from tasks.documents.arrow_rows import ArrowColumns
    from tasks.documents.record import Record

DICT, STATE, INFO = "dataset_dict.json", "state.json", "dataset_info.json"
_SAVE = "save it anew with save_to_disk"


class SavedDataset(Layout):
    """The rows of all splits, in the order in which the set names them; ids are `file below the folder:row`."""

    name = "datasets"
    note = "for a folder of Hugging Face datasets"
    has_columns = True
    joins = True

    def __init__(self, asked: Asked) -> None:
        super().__init__(asked)
        if not self.fits(asked):
            raise RequestError(
                f"{asked.option} {self.path}: neither {DICT} nor {STATE} is in it; give the folder that save_to_disk wrote"
            )

    @classmethod
    def fits(cls, asked: Asked) -> bool:
        """A folder with the files that save_to_disk writes."""
        path = asked.path
        return path is not None and ((path / DICT).is_file() or ((path / STATE).is_file() and (path / INFO).is_file()))

    def check(self) -> None:
        """Raise RequestError for a split that is unknown, a file that is not there, or a wrong column."""
        for part in self._parts:
            if part.columns.label_in_text:
                told = f"column {self.reading.label!r} is the label, and also in {self.reading.flags.text}"
                raise RequestError(f"{part.folder}: {told}, so that a model would read the answer; name other columns")

    def records(self, notes: Notes) -> Iterator[Record]:
        """Yield a record for each row."""
        for part in self._parts:
            yield from part.records()

    def own_test_split(self) -> str:
        """Say that it has a split called test."""
        return f"{self.path} has a split test" if "test" in self._splits.values() else ""

    def own_valid_split(self) -> str:
        """Say that it has validation rows."""
        name = next((name for name, split in self._splits.items() if split == "valid"), "")
        return f"{self.path} has a split {name}" if name else ""

    @cached_property
    def _splits(self) -> dict[str, str]:
        """The names of the splits, each with its word in a corpus; nothing for a set without."""
        if not (self.path / DICT).is_file():
            return {}
        names = _read(self.path / DICT).get("splits")
        if not isinstance(names, list) or not names:
            raise RequestError(f"{self.path / DICT}: it names no split; {_SAVE}")
        unknown = next((name for name in names if name not in SPLITS), None)
        if unknown is not None:
            raise RequestError(
                f"{self.path}: split {str(unknown)!r} is not one of {', '.join(SPLITS)}; rename it, or give one split's folder"
            )
        return {name: SPLITS[name] for name in names}

    @cached_property
    def _parts(self) -> list[_Part]:
        if not self._splits:
            return [_Part(self.path, self.asked, "")]
        if self.asked.split in ("test", "valid"):
            option = self.asked.option
            raise RequestError(f"{option} {self.path}: it holds several splits; give the folder of one: {self.path / 'test'}")
        of_train = "train" if self.own_test_split() else self.asked.split
        splits = {name: of_train if split == "train" else split for name, split in self._splits.items()}
        return [_Part(self.path / name, replace(self.asked, split=split), f"{name}/") for name, split in splits.items()]


class _Part:
    """One split: a folder with its files, `above` is what begins their names."""

    def __init__(self, folder: Path, asked: Asked, above: str) -> None:
        self.folder, self.asked, self.above = folder, asked, above

    def records(self) -> Iterator[Record]:
        """Yield a record for each row of each file."""
        from tasks.documents.arrow_rows import records_of

        for path in self._files:
            name = f"{self.asked.below}{self.above}{path.name}"
            yield from records_of(self._batches(path), path, self.columns, self.asked, name)

    @cached_property
    def columns(self) -> ArrowColumns:
        """The columns; RequestError if they are not there, or if a file is not."""
        import pyarrow as pa

        from tasks.documents.arrow_rows import columns_of

        path = self._files[0]
        try:
            with pa.memory_map(str(path)) as source:
                schema = pa.ipc.open_stream(source).schema
        except (pa.ArrowException, OSError) as error:
            raise RequestError(unreadable(path, error, what="not a readable Arrow stream")) from error
        named = [pa.field(field.name, pa.string()) if field.name in self._names else field for field in schema]
        return columns_of(self.folder, pa.schema(named), self.asked.reading)

    @cached_property
    def _files(self) -> list[Path]:
        state = _read(self.folder / STATE)
        if state.get("_indices_data_files"):
            raise RequestError(f"{self.folder}: an early version saved it with an index beside its rows; load it, and {_SAVE}")
        listed = state.get("_data_files")
        names = [str(each.get("filename")) for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
        if not names or not all(name == name.rpartition("/")[2] for name in names):
            raise RequestError(f"{self.folder / STATE}: it lists no files of this folder; {_SAVE}")
        files = [self.folder / name for name in names]
        absent = next((path for path in files if not path.is_file()), None)
        if absent is not None:
            raise RequestError(f"{absent}: {STATE} lists it, and it is not there; get a whole copy of the folder")
        return files

    @cached_property
    def _names(self) -> dict[str, list[str]]:
        """The names of the classes of each column of the type ClassLabel."""
        features = _read(self.folder / INFO).get("features") or {}
        if not isinstance(features, dict):
            raise RequestError(f"{self.folder / INFO}: its features are not an object; {_SAVE}")
        labels = {
            column: feature.get("names")
            for column, feature in features.items()
            if isinstance(feature, dict) and feature.get("_type") == "ClassLabel"
        }
        return {column: list(map(str, names)) for column, names in labels.items() if isinstance(names, list)}

    def _batches(self, path: Path) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        with pa.memory_map(str(path)) as source:
            for batch in pa.ipc.open_stream(source):
                yield pa.record_batch({name: self._named(name, batch.column(name)) for name in self.columns.wanted})

    def _named(self, name: str, column: pa.Array) -> pa.Array:
        """The column with the names of its classes; a number without a name stays one."""
        if name not in self._names:
            return column
        import pyarrow as pa

        names = dict(enumerate(self._names[name])) | {-1: None, None: None}
        return pa.array([names.get(value, str(value)) for value in column.to_pylist()], pa.string())


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise RequestError(unreadable(path, error, what="not readable JSON")) from None
    if not isinstance(found, dict):
        raise RequestError(f"{path}: not a JSON object; {_SAVE}")
    return found
