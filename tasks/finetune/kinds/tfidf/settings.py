"""The settings of `tfidf`, and the corpora for which `finetune.model auto` chooses it."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from tasks.section import Positive, Rate, Section

FEW_TOKENS = 80_000  # of the train rows, up to which tfidf was at least as accurate as bag on nearly every corpus
MANY_CLASSES = 30  # from which bag, whose steps move a class' weights too little, fell behind at any size
MOST_NUMBERS = 300_000_000  # tokens times classes, up to which tfidf's weights fit into a gigabyte or two


class TfidfSettings(Section):
    """Logistic regression on weighted n-grams."""

    FORMER: ClassVar = {"min_documents": "ngram_min_documents"}

    min_documents: Positive | Literal["auto"] = Field(
        "auto", description="Rarest n-gram, in documents; auto: 2, or 1 for words where classes have few rows."
    )
    c: Rate = Field(10.0, description="How far the weights may go: the larger, the closer it fits the train rows.")
    naive_bayes: Annotated[float, Field(ge=0.0, le=1.0)] = Field(
        0.0,
        description="How far an n-gram's weight may go: 0, as far as any other's; 1, as far as it tells the classes apart by "
        "Naive Bayes' log ratio; between them, by both.",
    )


def most_tokens(num_classes: int) -> float:
    """Tokens of the train rows up to which it is chosen for so many classes; docs/MODELS.md has the measurements."""
    return FEW_TOKENS if num_classes < MANY_CLASSES else MOST_NUMBERS // num_classes
