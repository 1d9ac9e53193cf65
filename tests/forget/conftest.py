"""What is forgotten lies in roots of these tests' own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module", autouse=True)
def no_other_prefect() -> Iterator[None]:
    """Without the home and the server that other tests of this process use: a deletion would wait for them in vain."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("PREFECT_")]:
            patch.delenv(name)
        yield
