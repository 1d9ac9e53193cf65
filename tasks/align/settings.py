"""The section `align`: vocabulary and matrix."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from tasks.section import Count, Positive, Section, Share, Url


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
