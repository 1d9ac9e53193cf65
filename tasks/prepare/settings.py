"""The section `prepare`: how text becomes tokens, and rows become splits."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_serializer, model_validator

from tasks.prepare.tokenizers import TOKENIZERS
from tasks.section import Count, Positive, Section

# The names in the table of tokenizers; mypy takes no Literal that is computed.
if TYPE_CHECKING:
    from collections.abc import Callable

    TokenizerName = str
else:
    TokenizerName = Literal[("auto", *TOKENIZERS)]
_READ_DICTIONARIES = " or ".join(name for name, each in TOKENIZERS.items() if "user_dictionary" in each.reads)
_NOTES = "; ".join(f"{name}: {each.note}" for name, each in TOKENIZERS.items() if each.note)
BY_COLUMN = ("split", "split_column", "test_from")
TORCHTEXT_PACKAGES = {"spacy": "spaCy", "moses": "sacremoses", "toktok": "NLTK", "revtok": "revtok", "subword": "revtok"}


class PrepareConfig(Section):
    """How text becomes tokens, and rows become splits."""

    classes: ClassVar[bool] = True  # rows are of classes, of which train needs two

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

    split: Literal["hash", "time", "group", "given"] = Field(
        "hash",
        description="What decides a row's side: its text's hash; time: rows of later days are test rows; group: rows of one "
        "value stay together; given: the column says train, valid or test.",
    )
    split_column: str | None = Field(None, description="The column that decides, which ingest.keep has to name.")
    test_from: str = Field(
        "auto",
        description="By time: the first day of the test rows; auto: the day of the name's models, or for a new name the one "
        "that parts test_share.",
    )

    @property
    def split_by(self) -> dict[str, str]:
        """The column that decides, as the report has it; nothing by hash."""
        if self.split == "hash":
            return {}
        cut = {"from": self.test_from} if self.split == "time" else {}
        return {"by": self.split, "column": str(self.split_column), **cut}

    @model_serializer(mode="wrap")
    def _without_a_column(self, dump: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        """Leave out what a split by hash does not read: so it is in no key, and what was stored before it existed is found."""
        unread = () if self.split == "time" else ("test_from",) if self.split != "hash" else BY_COLUMN
        return {name: value for name, value in dump(self).items() if name not in unread}

    @field_validator("test_from")
    @classmethod
    def _day(cls, value: str) -> str:
        if value == "auto":
            return value
        try:
            return date.fromisoformat(value).isoformat()
        except ValueError:
            raise ValueError(f"{value!r} is no day; write 2024-03-01, or auto") from None

    @model_validator(mode="after")
    def _column_of_the_split(self) -> Self:
        if self.split != "hash" and self.split_column is None:
            raise ValueError(f"split {self.split} reads a column; name it as split_column, and in ingest.keep")
        if self.split == "hash" and self.split_column is not None:
            raise ValueError(f"split_column {self.split_column} is not read by split hash; set split to time, group or given")
        if self.split != "time" and self.test_from != "auto":
            raise ValueError(f"test_from {self.test_from} is for split time; set that, or leave it out")
        return self

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


class TextsPrepareConfig(PrepareConfig):
    """The same for a corpus that is read without labels."""

    classes: ClassVar[bool] = False
