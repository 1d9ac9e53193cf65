"""One file is made of several modules: whatever a program needs, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.export.bundle import Bundle, Definition, Missing

MODULES = {
    "tasks.sums": '''
"""Sums."""
from __future__ import annotations
import numpy as np
import pyarrow as pa
from .names import ONE as FIRST
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from collections.abc import Sequence

# What is added.
STEP = FIRST + 1
UNUSED = pa.array([])

class Table:
    """Needs Arrow."""

    def total(self, values: Sequence[int]) -> int:
        """The sum, and a step for each."""
        return int(np.sum(values)) + STEP * self.size()

    def arrow(self) -> pa.Array:
        return pa.array([])
''',
    "tasks.names": "ONE = 1\nTWO = 2\nSTEP = 7\n\ndef both():\n    return STEP\n",
    "tasks.other": "from .names import ONE\nSTEP = ONE\n",
    "tasks.program": '''
from __future__ import annotations
from typing import Any
from tasks.names import ONE
from tasks.sums import Table

class Light:
    """Has no Arrow."""

    total: Any = Table.total

    def size(self) -> int:
        """One."""
        return ONE
''',
    "tasks.heavy": "from tasks.sums import UNUSED\n\ndef made():\n    return UNUSED\n",
    "tasks.clash": "from tasks.sums import STEP\nfrom tasks.third import third\n\ndef made():\n    return STEP, third()\n",
    "tasks.third": "from tasks.other import STEP\n\ndef third():\n    return STEP\n",
    "tasks.renamed": "from typing import Any\nfrom tasks.sums import Table\n\nclass made:\n    sum: Any = Table.total\n",
    "tasks.apart": "from tasks.names import both\nSTEP = 5\n\ndef made():\n    return [f'{STEP}', both()]\n",
    "tasks.lost": "from tasks.names import THREE\n\ndef made():\n    return THREE\n",
}


def text_of(module: str, name: str, **options: Any) -> str:
    return Bundle(MODULES.__getitem__, **options).text([Definition(f"tasks.{module}", name)])


def test_a_class_takes_a_method_and_leaves_the_rest_of_its_class_behind() -> None:
    text = text_of("program", "Light")
    space: dict[str, Any] = {}
    exec("from __future__ import annotations\n" + text, space)
    assert space["Light"]().total([2, 3]) == 7
    assert "pyarrow" not in text
    assert "UNUSED" not in text
    assert "TWO" not in text
    assert "# What is added.\nSTEP" in text
    assert "from collections.abc import Sequence" in text


def test_another_definition_may_take_the_place_of_one() -> None:
    text = text_of("program", "Light", aliases={Definition("tasks.names", "ONE"): Definition("tasks.names", "TWO")})
    space: dict[str, Any] = {}
    exec("from __future__ import annotations\n" + text, space)
    assert space["Light"]().total([1]) == 1 + 3 * 2


def test_two_modules_may_have_one_name_each_for_itself() -> None:
    space: dict[str, Any] = {}
    exec(text_of("apart", "made"), space)
    assert space["made"]() == ["5", 7]


@pytest.mark.parametrize(
    ("module", "error", "words"),
    [
        ("heavy", Missing, "import pyarrow as pa: only the standard library and NumPy"),
        ("clash", ValueError, r"tasks.(other|sums) and tasks.(sums|other) both define STEP"),
        ("renamed", ValueError, "tasks.renamed takes Table.total under another name"),
        ("lost", Missing, "tasks.names does not define THREE"),
    ],
)
def test_what_cannot_be_one_file_is_said(module: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        text_of(module, "made")
