"""Every knob of the flows: one frozen section per step, one model around those of a flow.

`PipelineConfig` (train) and `RefreshConfig` are the parameter of a Prefect flow, the shape of a preset file and the command
line at once. A section is all that its step sees, and all of it enters the step's cache key; `Runtime` alone never does, so
nothing that could change a byte of any output may live there.
"""

from __future__ import annotations

import math
import warnings
from datetime import date  # noqa: TC003 pydantic reads it
from itertools import pairwise
from pathlib import Path  # noqa: TC003 pydantic reads it
from typing import TYPE_CHECKING, Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationInfo, field_validator, model_validator

from tasks.documents.layouts import LAYOUTS
from tasks.documents.reading import Flags, Quoting, Reading
from tasks.finetune.kinds import KINDS
from tasks.finetune.networks.settings import NetworkSettings
from tasks.finetune.settings import FinetuneConfig
from tasks.model.text.tokenizers import TOKENIZERS
from tasks.names import checked_name
from tasks.section import CHECKOUT, Count, Positive, Section, Share, Threads, Url
from tasks.shown import safe_link
from tasks.urls import holds_login, holds_password

# The names in the tables of sources and of tokenizers; mypy takes no Literal that is computed.
if TYPE_CHECKING:
    SourceName = str
    TokenizerName = str
else:
    SourceName = Literal[("auto", *LAYOUTS)]
    TokenizerName = Literal[("auto", *TOKENIZERS)]
_READ_DICTIONARIES = " or ".join(name for name, each in TOKENIZERS.items() if "user_dictionary" in each.reads)
_NOTES = "; ".join(f"{name}: {each.note}" for name, each in TOKENIZERS.items() if each.note)

_QUOTING = (
    "whether quotes hold a field together; auto: in a .csv, and in a .tsv unless a line with a lone quote has all its columns; "
    "none: quotes are text."
)
_MISSING = "words that mean a missing value, such as NA,None; always missing: null, NaN, empty, \\N."

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
TORCHTEXT_PACKAGES = {"spacy": "spaCy", "moses": "sacremoses", "toktok": "NLTK", "revtok": "revtok", "subword": "revtok"}

READ_WORDS = tuple(kind.name for kind in KINDS.values() if kind.reads == "words")


def known_encoding(value: str) -> str:
    """Check a character encoding; ValueError proposes some."""
    try:
        "".encode(value)
    except LookupError:
        usual = "utf-8, cp1252 (Western), cp932 (Japanese) or gb18030 (Chinese)"
        raise ValueError(f"unknown encoding {value!r}; try {usual}") from None
    return value


class IngestConfig(Section):
    """Where the corpus comes from and how its bytes are to be read."""

    source: SourceName = Field(
        "auto",
        description="Layout of the corpus; auto: torchtext if a dataset is named, else imdb for an archive, folder for a "
        "folder, table for a file.",
    )
    dataset: TorchtextSet | None = Field(
        None, description="Set of torchtext.datasets to read from the files below its root folder, which path names."
    )
    archive: Path | None = Field(None, description="IMDB archive (.tar.gz) or its unpacked folder; without it: downloaded.")
    path: Path | None = Field(None, description="Folder with one folder per label, a table file, or torchtext's root folder.")
    test_path: Path | None = Field(None, description="Official test split, in the same layout as path.")
    unlabelled: Path | None = Field(None, description="More text without labels: a text file, folder, table or archive.")
    text: str = Field(
        "text", min_length=1, description="Table: name or 0-based position of the text column; title,body joins two."
    )
    label: str = Field("label", min_length=1, description="Table: name or 0-based position of the label column.")
    header: bool | None = Field(None, description="Table: first line names the columns; default: unless columns are positions.")
    delimiter: str | None = Field(
        None, min_length=1, max_length=8, description="Table: the mark between the columns; default by suffix."
    )
    quoting: Quoting = Field("auto", description=f"Table: {_QUOTING}")
    missing: tuple[str, ...] = Field((), description=f"Table: {_MISSING}")
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

    @property
    def reading(self) -> Reading:
        """How the corpus and its test split are read."""
        flags = Flags.of_section("ingest", unlabelled="--ingest.unlabelled")
        names = ("text", "label", "header", "delimiter", "quoting", "missing", "encoding", "max_chars")
        return Reading(**{name: getattr(self, name) for name in names}, flags=flags)

    @property
    def unlabelled_reading(self) -> Reading:
        """How the text without labels is read: in its own column and encoding, by the form that its suffix names."""
        flags = Flags.of_section("ingest", text="--ingest.unlabelled-text", encoding="--ingest.unlabelled-encoding")
        names = ("quoting", "missing", "max_chars")
        return Reading(
            text=self.unlabelled_text or self.text,
            second="none",
            encoding=self.unlabelled_encoding,
            flags=flags,
            **{name: getattr(self, name) for name in names},
        )

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
    def _folder_of_the_set(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        """Below torchtext's root, narrow the path to the set: others beside it are no part of the corpus and of its key."""
        dataset = info.data.get("dataset")
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


class PrepareConfig(Section):
    """How text becomes tokens, and rows become splits."""

    html: bool = Field(True, description="Remove HTML tags and decode entities.")
    lowercase: bool = Field(True, description="Fold case.")
    numbers: Literal["keep", "zero", "drop"] = Field("keep", description="Digits: keep them, write each as 0, or drop them.")
    punctuation: Literal["keep", "drop"] = Field(
        "drop", description="Punctuation: keep each mark as a token, or drop it, except the sign and the % of a number."
    )
    width: Literal["keep", "fold"] = Field(
        "keep", description="Full-width Latin letters, digits and marks, half-width kana: keep them, or fold to ordinary ones."
    )
    han: Literal["keep", "simplified"] = Field("keep", description="Traditional Chinese characters: keep them, or simplify.")
    stop_words: Literal["none", "english", "chinese"] | Path = Field(
        "none", description="Words to leave out: none, english, chinese, or a file."
    )
    tokenizer: TokenizerName = Field(
        "auto",
        description="How text is cut into tokens; auto: char if most of it is Chinese, Japanese or Thai, jieba if some is, "
        f"else word; {_NOTES}.",
    )
    user_dictionary: Path | None = Field(
        None, description=f"{_READ_DICTIONARIES}: more words, one a line as `word [frequency] [part of speech]`."
    )
    min_tokens: Positive = Field(1, description="Fewest tokens of a document; a shorter one is quarantined.")
    contradictions: Literal["drop", "majority", "first", "error"] = Field(
        "drop",
        description="A text with several labels: drop its rows, keep the label of most rows or of the first row, or stop.",
    )
    near_duplicates: bool = Field(True, description="Look for near-duplicates, not only exact ones.")
    near_duplicate_similarity: Annotated[float, Field(gt=0.5, le=1.0)] = Field(
        0.8, description="Rows are near-duplicates from this estimated Jaccard similarity of their token 5-shingles on."
    )
    valid_share: Annotated[float, Field(gt=0.0, lt=0.5)] = Field(
        0.1, description="Share of the train rows held for validation."
    )
    test_share: Annotated[float, Field(gt=0.0, lt=0.9)] = Field(
        0.2, description="Share of rows held for test if the corpus has no test split."
    )
    seed: Count = Field(13, description="Seed of the split.")
    split_rule: Annotated[int, Field(ge=1, le=2)] | Literal["auto"] = Field(
        "auto",
        description="How rows are split: 1 as before version 0.2, 2 with a salt and care for rare classes; auto: the rule of "
        "the name's models, or 2 for a new name.",
    )
    salt: Count | Literal["auto"] = Field(
        "auto",
        description="Rule 2: number of the split; auto: the number of the name's models, or for a new name the one of the "
        "first hundred with the most even shares.",
    )

    @model_validator(mode="after")
    def _salt_of_rule_two(self) -> Self:
        if self.split_rule == 1 and self.salt != "auto":
            raise ValueError(f"split_rule 1 reads no salt {self.salt}; set split_rule 2, or leave the salt out")
        return self

    @field_validator("tokenizer", mode="before")
    @classmethod
    def _own_tokenizer(cls, value: object) -> object:
        if value == "split":
            raise ValueError("split is whitespace here; set it with punctuation keep, html false and lowercase false")
        if isinstance(value, str) and value in TORCHTEXT_PACKAGES:
            instead = (
                "word, whose vectors are made of subwords by pretrain" if value == "subword" else "word with punctuation keep"
            )
            raise ValueError(
                f"{value} is cut by a package of its own, {TORCHTEXT_PACKAGES[value]}, and a model here carries all that it "
                f"needs to be served; use {instead}, or basic_english"
            )
        return value

    @model_validator(mode="after")
    def _settings_of_the_tokenizer(self) -> Self:
        chosen = TOKENIZERS.get(self.tokenizer)  # None for auto
        for demand in chosen.demands if chosen else ():
            if getattr(self, demand.setting) != demand.value:
                value = str(demand.value).lower()
                raise ValueError(
                    f"tokenizer {self.tokenizer} {demand.reason}; set {demand.setting} {value}, or another tokenizer"
                )
        if self.user_dictionary is not None and not (chosen and "user_dictionary" in chosen.reads):
            raise ValueError(
                f"tokenizer {self.tokenizer} does not read user_dictionary; set tokenizer {_READ_DICTIONARIES}, or leave "
                "user_dictionary out"
            )
        return self


class PretrainConfig(Section):
    """fastText's unsupervised training, each option by its own name."""

    enabled: bool = Field(True, description="Train word vectors; off: embeddings start at random or from align.vectors.")
    model: Literal["skipgram", "cbow"] = Field("skipgram", description="Predict the context from the word, or the reverse.")
    dim: Annotated[int, Field(ge=1, le=2000)] = Field(100, description="Dimensions of a vector.")
    ws: Positive = Field(5, description="Largest distance of a context word.")
    epoch: Positive = Field(5, description="Passes over the text.")
    neg: Positive = Field(5, description="Negative samples a word.")
    loss: Literal["ns", "hs", "softmax"] = Field("ns", description="Negative sampling, hierarchical softmax, or softmax.")
    min_count: Positive = Field(5, description="Rarest word that gets a row of its own.")
    minn: Count = Field(3, description="Shortest subword in characters.")
    maxn: Count = Field(6, description="Longest subword in characters; 0: no subwords.")
    bucket: Annotated[int, Field(ge=0)] | Literal["auto"] = Field(
        "auto", description="Hash buckets of subwords; auto: by corpus."
    )
    lr: Annotated[float, Field(gt=0.0, le=10.0)] = Field(0.05, description="Learning rate at the start.")
    t: Annotated[float, Field(gt=0.0)] = Field(1e-4, description="Frequency from which words are subsampled.")
    threads: Threads = Field("auto", description="Threads; 1 is reproducible byte for byte, auto uses every core.")
    seed: Count = Field(13, description="Seed of fastText's random numbers.")
    unlabelled: bool = Field(True, description="Train on the unlabelled texts too.")
    max_model_mb: Positive = Field(2000, description="Largest estimated model in MB; a larger one stops before training.")

    @model_validator(mode="after")
    def _subword_range(self) -> Self:
        if self.maxn and self.minn > self.maxn:
            raise ValueError(f"minn {self.minn} is larger than maxn {self.maxn}; set minn <= maxn, or maxn 0 for no subwords")
        if self.maxn and self.bucket == 0:
            raise ValueError(f"bucket 0 leaves no rows for subwords up to maxn {self.maxn}; set maxn 0 too, or bucket auto")
        return self


class AlignConfig(Section):
    """The vocabulary and the matrix that the neural models start from."""

    vectors: Url | Path | None = Field(
        None,
        description="Vectors trained elsewhere, in place of pretrain's: a file or URL in any format of docs/VECTORS.md; "
        "URL; ${NAME} in a URL is that environment variable.",
    )
    vocabulary: Url | Path | None = Field(
        None, description="Vocabulary file of vectors in .npy or safetensors: the word of each row, one a line, or JSON."
    )
    member: str | None = Field(
        None, min_length=1, description="Name of the vectors in a zip, .npz or safetensors that holds several."
    )
    fallbacks: Literal["none", "case", "nfkc", "both"] = Field(
        "none", description="Other spellings to look for where a word has no vector: other case, Unicode's NFKC, or both."
    )
    second: Url | Path | None = Field(None, description="More vectors, joined to align.vectors or to pretrain's.")
    second_vocabulary: Url | Path | None = Field(None, description="The vocabulary file of the second vectors.")
    second_member: str | None = Field(
        None, min_length=1, description="Name of the second vectors in a file that holds several."
    )
    join: Literal["concatenate", "fill"] = Field(
        "concatenate", description="Both vectors side by side, or the second mapped into the first's space to fill its gaps."
    )
    min_count: Positive = Field(2, description="Rarest train word that enters the vocabulary.")
    max_size: Positive = Field(60_000, description="Most words in the vocabulary, pad and unk included.")
    missing: Literal["zero", "random"] = Field("random", description="Row of a word that has neither vector nor subwords.")
    min_coverage: Share = Field(0.0, description="Least share of train tokens with a vector; below it the run stops.")
    dim: Annotated[int, Field(ge=1, le=2000)] = Field(100, description="Dimensions of random rows where there are no vectors.")
    seed: Count = Field(13, description="Seed of random rows.")

    @model_validator(mode="after")
    def _parts_of_a_source(self) -> Self:
        for name in ("vocabulary", "member", "second_vocabulary", "second_member"):
            source = "second" if name.startswith("second") else "vectors"
            if getattr(self, name) is not None and getattr(self, source) is None:
                raise ValueError(f"{name} is given without {source}; give align.{source} too")
        return self


class EvaluateConfig(Section):
    """How the model is measured on the test rows."""

    yardstick: bool = Field(True, description="Train TF-IDF + logistic regression on the same rows, for comparison.")
    bootstrap: Annotated[int, Field(ge=100, le=100_000)] = Field(1000, description="Resamples behind each 95% interval.")
    bins: Annotated[int, Field(ge=2, le=100)] = Field(15, description="Bins of the reliability diagram and of ECE.")
    num_errors: Count = Field(20, description="Most confident errors shown in the report.")
    seed: Count = Field(13, description="Seed of the bootstrap.")


class RegisterConfig(Section):
    """When a new model replaces the champion."""

    gate: Literal["better", "not_worse"] = Field(
        "not_worse", description="The challenger must be better than, or not worse than, the champion on the same test rows."
    )
    margin: Annotated[float, Field(ge=0.0, lt=1.0)] = Field(0.01, description="not_worse: largest loss of accuracy allowed.")
    evidence: Literal["auto", "test", "folds"] = Field(
        "auto",
        description="Evidence of the gate; test: the test rows; folds: both recipes trained anew on folds of the corpus, "
        "unless the test rows show a loss; auto: folds where the test rows are too few.",
    )
    fold_minutes: Annotated[float, Field(gt=0.0, le=1440.0)] = Field(
        20.0, description="Longest time to train on folds; if ten folds would take longer, the test rows decide alone."
    )


class Runtime(Section):
    """How and where the work is done; nothing here can change a byte of what is made."""

    data_root: Path = Field(CHECKOUT / "data", description="Folder of the store, the runs and the monitoring state.")
    tracking_uri: str | None = Field(None, description="MLflow server; default: MLFLOW_TRACKING_URI, else a SQLite file.")
    workers: Positive | Literal["auto"] = Field("auto", description="Processes for parsing and tokenizing; auto: every core.")
    tensorboard: bool = Field(
        False, description="train: TensorBoard event files too, in <data root>/tensorboard (needs the extra tensorboard)."
    )
    log_interval: Annotated[float, Field(gt=0.0)] = Field(
        10.0, description="Seconds between progress lines in the log that Prefect shows."
    )
    server_timeout: Annotated[float, Field(gt=0.0)] = Field(
        60.0, description="Seconds to wait for a starting server that does nothing."
    )


with warnings.catch_warnings():
    # Every pydantic class has ABCMeta.register; the section is named for the step, and nobody registers virtual subclasses.
    warnings.filterwarnings("ignore", message='Field name "register"', category=UserWarning)

    class PipelineConfig(Section):
        """A whole run: what to train on, how, and under which name."""

        name: str = Field(
            "textmill", description="Experiment and registered model; default: the preset's name or the corpus' stem."
        )
        ingest: IngestConfig = IngestConfig()
        prepare: PrepareConfig = PrepareConfig()
        pretrain: PretrainConfig = PretrainConfig()
        align: AlignConfig = AlignConfig()
        finetune: FinetuneConfig = FinetuneConfig()
        evaluate: EvaluateConfig = EvaluateConfig()
        register: RegisterConfig = RegisterConfig()
        runtime: Runtime = Runtime()

        @field_validator("name")
        @classmethod
        def _plain_name(cls, value: str) -> str:
            return checked_name(value)

        @model_validator(mode="after")
        def _vectors_for_the_model(self) -> Self:
            align, finetune = self.align, self.finetune
            for name in ("vectors", "second"):
                if getattr(align, name) is not None and not finetune.needs_vectors:
                    raise ValueError(
                        f"align.{name} is for models that read word vectors, not {finetune.model}; "
                        f"set finetune.model to {', '.join(READ_WORDS)} or a sum with one, or leave align.{name} out"
                    )
            if align.second is not None and align.vectors is None and not self.pretrain.enabled:
                raise ValueError(
                    "align.second joins other vectors, and there are none; give these as align.vectors, "
                    "or set pretrain.enabled true"
                )
            network, dim = finetune.settings(NetworkSettings), self._known_dim()
            if network.embedding == "low_rank" and dim is not None and network.embedding_rank >= dim:
                raise ValueError(
                    f"finetune.network.embedding_rank {network.embedding_rank} is not below the {dim} dimensions of the "
                    "vectors; lower it, or set finetune.network.embedding full"
                )
            return self

        def _known_dim(self) -> int | None:
            """Dimensions of the vectors; None where a file has yet to tell them."""
            if self.align.vectors is not None or (self.align.second is not None and self.align.join == "concatenate"):
                return None
            return self.pretrain.dim if self.pretrain.enabled else self.align.dim


class CollectConfig(Section):
    """Where new documents come from, and how their times are to be read."""

    source: str | None = Field(
        None,
        min_length=1,
        description="Inbox folder, file or glob (txt, csv, tsv, jsonl, parquet, tar, zip; any fsspec path), or an RSS/Atom "
        "file or URL; ${NAME} in a URL is that environment variable.",
    )
    name: str = Field("monitor", description="Name of the monitor; default: the preset's name or the source's stem.")
    kind: Literal["auto", "table", "feed"] = Field(
        "auto", description="What the source holds; auto: feed for http(s) URLs, .rss, .atom and .xml, else table."
    )
    query: str | None = Field(
        None,
        min_length=1,
        description="SQL query that gives the documents, in place of a source; :since in it: read only what is new.",
    )
    database_variable: str | None = Field(
        None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", description="Environment variable that holds the SQLAlchemy URL for query."
    )
    database_file: Path | None = Field(
        None, description="File that holds the SQLAlchemy URL for query; only its owner may read it (mode 0600)."
    )
    text: str = Field("text", min_length=1, description="Name or 0-based position of the text column; title,body joins two.")
    time: str = Field("time", min_length=1, description="Name or 0-based position of the column of dates or times.")
    header: bool | None = Field(None, description="Table: first line names the columns; default: unless columns are positions.")
    delimiter: str | None = Field(
        None,
        min_length=1,
        max_length=8,
        description="The mark between the columns; default by suffix. Without it a .txt file is one document of the time of "
        "its last change.",
    )
    quoting: Quoting = Field("auto", description=f"Table: {_QUOTING}")
    missing: tuple[str, ...] = Field((), description=f"Table: {_MISSING}")
    encoding: str | None = Field(
        None, min_length=1, description="Character encoding; default: utf-8, and for a feed what its server or itself says."
    )
    timezone: str = Field("UTC", description="Time zone for times without one, and for counting days.")
    date_order: Literal["DMY", "MDY", "YMD"] | None = Field(
        None,
        description="Order of day, month and year in dates such as 03/04/20; default: DMY, if a date of the source proves it.",
    )
    since: date | None = Field(None, description="First day to collect (--from); documents of other days are left out.")
    until: date | None = Field(None, description="Last day to collect (--to).")
    max_chars: Positive = Field(100_000, description="Longest text in characters; a longer one is quarantined.")

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str | None) -> str | None:
        return None if value is None else known_encoding(value)

    @field_validator("name")
    @classmethod
    def _plain_name(cls, value: str) -> str:
        return checked_name(value)

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ValueError, OSError, KeyError):
            raise ValueError(f"unknown time zone {value!r}; try UTC, Europe/London or America/New_York") from None
        return value

    @property
    def reading(self) -> Reading:
        """How the files are read: a time beside the text."""
        names = ("text", "header", "delimiter", "quoting", "missing", "max_chars")
        return Reading(
            label=self.time,
            second="time",
            encoding=self.encoding or "utf-8",
            keep="seen",
            flags=Flags.of_section("collect", label="--collect.time"),
            **{name: getattr(self, name) for name in names},
        )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.source and (holds_login(self.source) or holds_password(self.source)):  # here, since the value is not shown
            raise ValueError("the source must hold no user or password, since it is stored; a feed's belong into ~/.netrc")
        if self.source and self.query:
            raise ValueError("source and query were both given; choose one")
        if self.query and (self.database_variable is None) == (self.database_file is None):
            raise ValueError("a query needs its database: give database_variable or database_file, one of them")
        if self.since and self.until and self.since > self.until:
            raise ValueError(f"since {self.since} is after until {self.until}; exchange them")
        return self


class ScoreConfig(Section):
    """Which models label the documents, and which names are watched."""

    model: str | None = Field(None, description="NAME@ALIAS or NAME/VERSION; default: the champion promoted last.")
    topics: tuple[str, ...] = Field((), description="More registered models whose labels are topics, such as topic@champion.")
    watch_list: Path | None = Field(None, description="TOML file of names to follow: companies, tickers, regular expressions.")


class DetectConfig(Section):
    """How bad news is counted, and how much of it is a surge."""

    negative: str = Field("negative", min_length=1, description="Label of bad news.")
    window_days: Annotated[int, Field(ge=1, le=90)] = Field(
        7, description="Days of the window that is judged, its last day included."
    )
    baseline_days: Annotated[int, Field(ge=7, le=3650)] = Field(
        180, description="Days before the window that it is compared with; at least twice the window."
    )
    min_documents: Positive = Field(20, description="Fewest documents in a window that is judged.")
    min_baseline_days: Annotated[int, Field(ge=7)] = Field(60, description="Fewest days with documents in a baseline.")
    cooldown_days: Count = Field(14, description="Days without an alarm before a series may raise another.")
    false_alarms_high: Annotated[float, Field(gt=0.0, le=100.0)] = Field(
        3.0, description="Accepted false alarms of severity high in 1,000 days of one series; sets the threshold."
    )
    false_alarms_low: Annotated[float, Field(gt=0.0, le=100.0)] = Field(
        10.0, description="The same for severity low; at least as many."
    )
    num_headlines: Count = Field(10, description="Headlines shown with a surge.")
    num_words: Count = Field(15, description="Words shown with a surge.")
    drift_days: Positive = Field(28, description="Latest days that are compared with the training data.")
    drift_reference_days: Positive = Field(
        56, description="First days of the stream that replace the training data where the model has no profile of it."
    )
    drift_min_documents: Positive = Field(
        200, description="Fewest documents on either side of the comparison with the training data."
    )
    drift_min_psi: Annotated[float, Field(ge=0.0)] = Field(
        0.25, description="Smallest population stability index that counts as drift, however certain."
    )
    drift_level: Annotated[float, Field(gt=0.0, lt=0.5)] = Field(
        0.001, description="Chance that a feature without drift exceeds its threshold."
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.baseline_days < 2 * self.window_days:
            raise ValueError(f"baseline_days {self.baseline_days} is too short; give at least {2 * self.window_days}")
        if self.false_alarms_low < self.false_alarms_high:
            raise ValueError("false_alarms_low is below false_alarms_high; a low alarm cannot be rarer than a high one")
        return self


class NotifyConfig(Section):
    """Where alerts are sent."""

    channels: Path | None = Field(
        None, description="TOML file of channels (docs/NOTIFY.md); only its owner may read it (mode 0600)."
    )
    seconds: Annotated[float, Field(gt=0.0, le=600.0)] = Field(
        30.0, description="Most seconds that one refresh spends on sending; the rest waits for the next refresh."
    )
    link: str | None = Field(
        None,
        description="Address (http or https) at which people see the dashboard; each message ends with it.",
    )

    @field_validator("link")
    @classmethod
    def _is_an_address(cls, link: str | None) -> str | None:
        if link is not None and not safe_link(link):
            raise ValueError("it is not an http(s) address without a login; give one such as https://desk.example/news.html")
        return link


class DashboardConfig(Section):
    """How much the page shows."""

    days: Positive = Field(3650, description="Most days of the curves.")
    max_series: Positive = Field(40, description="Most series on the page: the whole stream, then those with most documents.")
    headlines: Count = Field(400, description="Most headlines on the page: the latest negative ones.")


class RetrainConfig(Section):
    """The training run that drift of the stream starts."""

    deployment: str | None = Field(
        None, pattern=r"^[^/]+/[^/]+$", description="Deployment of train that drift starts, such as train/phrasebank."
    )
    cooldown_days: Positive = Field(7, description="Days to wait before drift may start another training.")


class WatchConfig(Section):
    """When the watchdog warns."""

    refresh_hours: Annotated[float, Field(gt=0.0)] = Field(
        3.0, description="Hours without a finished refresh after which it warns; longer where the schedule is sparser."
    )
    train_hours: Annotated[float, Field(gt=0.0)] = Field(
        36.0, description="Hours without a finished training run after which it warns; longer where the schedule is sparser."
    )
    remind_days: Positive = Field(1, description="Days before an unresolved warning is repeated.")


class RefreshConfig(Section):
    """One refresh of a monitor: where to read, how to judge, and where alerts go."""

    collect: CollectConfig = CollectConfig()
    score: ScoreConfig = ScoreConfig()
    detect: DetectConfig = DetectConfig()
    notify: NotifyConfig = NotifyConfig()
    dashboard: DashboardConfig = DashboardConfig()
    retrain: RetrainConfig = RetrainConfig()
    watch: WatchConfig = WatchConfig()
    runtime: Runtime = Runtime()

    @property
    def name(self) -> str:
        """The monitor's name."""
        return self.collect.name
