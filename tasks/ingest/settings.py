"""The section `ingest`: where the corpus comes from."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_serializer, model_validator

from tasks.documents.encoding import known_encoding
from tasks.documents.layouts import LAYOUTS
from tasks.documents.reading import MISSING_HELP, QUOTING_HELP, SHEET_HELP, Flags, Quoting, Reading
from tasks.forget.forgotten import Forgotten, forgotten_list
from tasks.section import Count, Positive, Section

# The names in the table of sources; mypy takes no Literal that is computed.
if TYPE_CHECKING:
    from collections.abc import Callable

    SourceName = str
else:
    SourceName = Literal[("auto", *LAYOUTS)]

TorchtextSet = Literal[
    "AG_NEWS",
    "AmazonReviewFull",
    "AmazonReviewPolarity",
    "CoLA",
    "DBpedia",
    "IMDB",
    "SogouNews",
    "SST2",
    "YahooAnswers",
    "YelpReviewFull",
    "YelpReviewPolarity",
]
TORCHTEXT_PAIRS = frozenset({"MNLI", "MRPC", "QNLI", "QQP", "RTE", "STSB", "WNLI"})


LATER = {"keep": (), "name": None, "valid_path": None, "sheet": None, "ids": "place"}  # settings of after the first release
_LAYOUTS_OF_AUTO = ", ".join(f"{name} {layout.note}".strip() for name, layout in LAYOUTS.items())


class IngestConfig(Section):
    """Where the corpus comes from and how its bytes are to be read."""

    source: SourceName = Field(
        "auto",
        description=f"Layout of the corpus; auto takes the first that fits: {_LAYOUTS_OF_AUTO}.",
    )
    dataset: TorchtextSet | None = Field(
        None, description="Set of torchtext.datasets to read from the files below its root folder, which path names."
    )
    archive: Path | None = Field(None, description="IMDB archive (.tar.gz) or its unpacked folder; without it: downloaded.")
    path: Path | tuple[Path, ...] | None = Field(
        None,
        description="Folder with one folder per label, a table file, a pattern such as 'news/*.csv', several of these, a "
        "folder of Parquet files or of Hugging Face datasets, or torchtext's root folder.",
    )
    test_path: Path | None = Field(None, description="Official test split, in the same layout as path.")
    valid_path: Path | None = Field(
        None, description="Validation rows of your own, in the same layout as path; default: a share of path's."
    )
    unlabelled: Path | None = Field(None, description="More text without labels: a text file, folder, table or archive.")
    text: str = Field(
        "text", min_length=1, description="Table: name or 0-based position of the text column; title,body joins two."
    )
    label: str = Field("label", min_length=1, description="Table: name or 0-based position of the label column.")
    header: bool | None = Field(None, description="Table: first line names the columns; default: unless columns are positions.")
    delimiter: str | None = Field(
        None, min_length=1, max_length=8, description="Table: the mark between the columns; default by suffix."
    )
    quoting: Quoting = Field("auto", description=f"Table: {QUOTING_HELP}")
    missing: tuple[str, ...] = Field((), description=f"Table: {MISSING_HELP}")
    sheet: str | None = Field(None, min_length=1, description=f"Workbook: {SHEET_HELP}")
    encoding: str = Field("utf-8", min_length=1, description="Character encoding of the corpus and its test split.")
    with_unlabelled: bool = Field(
        True, description="Keep the records of the corpus that have no label; off: they are left out."
    )
    unlabelled_text: str | None = Field(None, min_length=1, description="Column of an unlabelled table; default: as text.")
    unlabelled_encoding: str = Field("utf-8", min_length=1, description="Character encoding of the unlabelled text.")
    labels: tuple[str, ...] = Field((), description="Labels to accept; any other is quarantined. Empty: all that occur.")
    label_names: Path | None = Field(
        None, description="File that names label numbers, one name a line from 0; empty first line: from 1."
    )
    label_bins: tuple[float, ...] = Field(
        (), description="Edges that make classes of labels that are numbers, such as -0.1,0.1; a number on an edge is above it."
    )
    label_bin_names: tuple[str, ...] = Field(
        (),
        description="Names of these classes, from the lowest; default: negative, neutral, positive around 0, else the edges.",
    )
    label_check: bool = Field(
        True, description="Stop if the labels look like scores or identifiers, not like classes; off: go on."
    )
    max_chars: Positive = Field(1_000_000, description="Longest text in characters; a longer one is quarantined.")
    keep: tuple[str, ...] = Field(
        (),
        max_length=20,
        description="Table: names or 0-based positions of more columns to keep for slices, such as company,date.",
    )

    name: str | None = Field(
        None,
        min_length=1,
        description="Table: column (name or 0-based position) of the name that the label is about; it is marked in the text.",
    )
    ids: Literal["place", "content"] = Field(
        "place",
        description="What a row's id and place follow from: the file and line that it is from, or its text, label and split "
        "alone, so that equal rows are equal bytes whatever brought them.",
    )

    @property
    def places(self) -> tuple[Path, ...]:
        """The files, folders and patterns of the corpus; none if it is to be downloaded."""
        if self.archive is not None:
            return (self.archive,)
        return self.path if isinstance(self.path, tuple) else () if self.path is None else (self.path,)

    @property
    def only_unlabelled(self) -> bool:
        """Whether texts without labels are all that is given."""
        return not self.places and self.source == "auto" and self.unlabelled is not None

    @property
    def corpus(self) -> str:
        """What names the corpus: its place, or the source that it is downloaded from."""
        if self.only_unlabelled:
            return str(self.unlabelled)
        return ", ".join(map(str, self.places)) or self.source

    @property
    def reading(self) -> Reading:
        """How the corpus and its test split are read."""
        keep = " and ".join(f"--ingest.{name}" for name in ("keep", "name") if getattr(self, name)) or "--ingest.keep"
        flags = Flags.of_section("ingest", unlabelled="--ingest.unlabelled", keep=keep)
        names = ("text", "label", "header", "delimiter", "quoting", "missing", "sheet", "encoding", "max_chars")
        return Reading(**{name: getattr(self, name) for name in names}, named=self.named, flags=flags)

    @property
    def named(self) -> tuple[str, ...]:
        """The columns that records hold beside text and label: those that are kept, and that of the names last."""
        return self.keep if self.name is None else (*self.keep, self.name)

    @property
    def unlabelled_reading(self) -> Reading:
        """How the text without labels is read: in its own column and encoding, by the form that its suffix names."""
        flags = Flags.of_section("ingest", text="--ingest.unlabelled-text", encoding="--ingest.unlabelled-encoding")
        names = ("quoting", "missing", "sheet", "max_chars")
        return Reading(
            text=self.unlabelled_text or self.text,
            second="none",
            encoding=self.unlabelled_encoding,
            flags=flags,
            **{name: getattr(self, name) for name in names},
        )

    @model_validator(mode="after")
    def _name_of_its_own(self) -> Self:
        if self.name is not None and self.name.strip() in self.keep:
            raise ValueError(f"name {self.name} is in keep too; a text that is marked holds no name to keep, so leave one out")
        return self

    @model_validator(mode="after")
    def _bins_of_labels(self) -> Self:
        edges, names = self.label_bins, self.label_bin_names
        if not all(map(math.isfinite, edges)):
            raise ValueError("label_bins must be finite numbers")
        if any(low >= high for low, high in pairwise(edges)):
            raise ValueError(f"label_bins must rise, and {', '.join(f'{edge:g}' for edge in edges)} do not")
        if names and not edges:
            raise ValueError("label_bin_names are given without label_bins; give the edges too")
        if edges and self.label_names is not None:
            raise ValueError("label_bins and label_names are both given; keep the one that makes the classes")
        if names and len(names) != len(edges) + 1:
            raise ValueError(f"{len(edges)} edges make {len(edges) + 1} bins, and {len(names)} names are given")
        if len(set(names)) < len(names) or not all(name.strip() for name in names):
            raise ValueError("label_bin_names: a name is empty or repeated")
        return self

    @model_serializer(mode="wrap")
    def _without_what_is_not_asked(self, dump: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        """Leave out later settings that are not used: so they are in no key, and what was stored before them is found."""
        return {name: value for name, value in dump(self).items() if name not in LATER or (value and value != LATER[name])}

    @field_validator("keep")
    @classmethod
    def _different_columns(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        names = tuple(name.strip() for name in value)
        if not all(names) or len(set(names)) < len(names):
            raise ValueError("a name is empty or repeated; name each column once")
        return names

    @field_validator("encoding", "unlabelled_encoding")
    @classmethod
    def _known_encoding(cls, value: str) -> str:
        return known_encoding(value)

    @field_validator("dataset", mode="before")
    @classmethod
    def _one_text(cls, value: object) -> object:
        if isinstance(value, str) and value in TORCHTEXT_PAIRS:
            raise ValueError(f"{value} is made of pairs of texts, and a model here reads one; choose another set")
        return value

    @field_validator("path")
    @classmethod
    def _folder_of_the_set(cls, value: Path | tuple[Path, ...] | None, info: ValidationInfo) -> Path | tuple[Path, ...] | None:
        """Below torchtext's root, narrow the path to the set: others beside it are no part of the corpus and of its key."""
        dataset = info.data.get("dataset")
        if isinstance(value, tuple):
            if not value:
                raise ValueError("the list is empty; name a file in it")
            if dataset is not None:
                raise ValueError(f"dataset {dataset} is in one folder; give torchtext's root folder alone")
            return value if len(value) > 1 else value[0]
        if value is None or dataset is None or value.parts[-2:] == ("datasets", dataset):
            return value
        return value / "datasets" / str(dataset)

    @model_validator(mode="after")
    def _set_of_torchtext(self) -> Self:
        if self.dataset is None and self.source == "torchtext":
            raise ValueError("source torchtext reads a dataset; name one, such as dataset AG_NEWS")
        if self.dataset is not None and self.source not in ("auto", "torchtext"):
            raise ValueError(f"dataset {self.dataset} is one of torchtext's; set source torchtext, or leave one of them out")
        return self


class RefusingIngest(IngestConfig):
    """The same, of a data root where texts were forgotten: the list of them is part of the key."""

    forgotten: Path = Field(description="The list of keyed hashes; see tasks/forget/forgotten.py.")


class TextsConfig(Section):
    """Where texts come from whose labels, if they have any, do not matter, and how their bytes are to be read."""

    path: Path | None = Field(
        None, description="A folder or archive of .txt files, a table, or a text file with one document a line."
    )
    test_path: Path | None = Field(None, description="Texts to test on, in any of these forms; default: a share of path's.")
    text: str = Field(
        "text", min_length=1, description="Table: name or 0-based position of the text column; title,body joins two."
    )
    header: bool | None = Field(None, description="Table: first line names the columns; default: unless columns are positions.")
    delimiter: str | None = Field(
        None, min_length=1, max_length=8, description="Table: the mark between the columns; default by suffix."
    )
    quoting: Quoting = Field("auto", description=f"Table: {QUOTING_HELP}")
    encoding: str = Field("utf-8", min_length=1, description="Character encoding of the texts.")
    max_words: Count = Field(
        0, description="Read path's documents, in its order, until they have so many words between blanks; 0: all of them."
    )
    max_chars: Positive = Field(10_000_000, description="Longest text in characters; a longer one is quarantined.")

    @property
    def places(self) -> tuple[Path, ...]:
        """The file or folder of the texts."""
        return () if self.path is None else (self.path,)

    @property
    def corpus(self) -> str:
        """What names the corpus."""
        return str(self.path)

    @property
    def reading(self) -> Reading:
        """How the texts are read."""
        flags = Flags.of_section("ingest")
        names = ("text", "header", "delimiter", "quoting", "encoding", "max_chars")
        return Reading(**{name: getattr(self, name) for name in names}, second="none", flags=flags)

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str) -> str:
        return known_encoding(value)


class RefusingTexts(TextsConfig):
    """The same, of a data root where texts were forgotten: the list of them is part of the key."""

    forgotten: Path = Field(description="The list of keyed hashes; see tasks/forget/forgotten.py.")


def refusing(config: IngestConfig | TextsConfig, data_root: Path) -> IngestConfig | TextsConfig:
    """The section for the step: with the list of forgotten texts, or as it is where nothing was forgotten."""
    listed = forgotten_list(data_root)
    if listed is None:
        return config
    kind = RefusingTexts if isinstance(config, TextsConfig) else RefusingIngest
    return kind.model_construct(config.model_fields_set | {"forgotten"}, **dict(config), forgotten=listed)


def read_forgotten(config: IngestConfig | TextsConfig) -> Forgotten | None:
    """The texts that a section refuses; None where nothing was forgotten."""
    return Forgotten.read(config.forgotten) if isinstance(config, RefusingIngest | RefusingTexts) else None
