"""What every section of a configuration is, and the types of its settings."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[int, Field(ge=1)]
Count = Annotated[int, Field(ge=0)]
Rate = Annotated[float, Field(gt=0.0)]
Dropout = Annotated[float, Field(ge=0.0, lt=1.0)]
Threads = Annotated[int, Field(ge=1, le=256)] | Literal["auto"]
Url = Annotated[str, Field(pattern="://")]  # whatever fsspec knows; anything else in the same place is a path


class Section(BaseModel):
    """A step's own part of the configuration."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    @classmethod
    def as_then(cls, written: dict[str, Any]) -> dict[str, Any]:
        """The values of a section that was written with a model, with those of settings that came later as they were then."""
        return written

    def keyed(self) -> Self:
        """The section for a step that is handed as artifacts what some of its settings name: without these settings."""
        return self
