"""Blocks: each piece is predicted once, from the ones before it, and nothing is padded but the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tasks.errors import RequestError
from tasks.language.blocks import NOTHING, blocks_of, stream_of
from tasks.model.language.pieces import Pieces

if TYPE_CHECKING:
    from pathlib import Path


def test_targets_are_the_next_pieces_once_and_only_the_last_block_is_filled_up() -> None:
    stream = np.arange(100, 111, dtype=np.int32)
    blocks = blocks_of(stream, 4, "train")
    assert blocks.ids.tolist() == [[100, 101, 102, 103], [104, 105, 106, 107], [108, 109, 100, 100]]
    assert blocks.targets.tolist() == [[101, 102, 103, 104], [105, 106, 107, 108], [109, 110, NOTHING, NOTHING]]
    assert blocks.num_tokens == len(stream) - 1


def test_texts_are_parted_by_ends(words: Path) -> None:
    pieces = Pieces(words)
    stream = stream_of(pieces, ["The group", "", "A bank cut all prices."])
    ends = np.flatnonzero(stream == pieces.end)
    assert ends.tolist() == [0, 3, 4, len(stream) - 1]
    assert pieces.text(stream[1:3].tolist()) == "The group"


@pytest.mark.parametrize("nothing", [[], [""]])
def test_texts_without_a_word_are_refused(words: Path, nothing: list[str]) -> None:
    with pytest.raises(RequestError, match="the validation texts hold no word to predict; give more documents"):
        blocks_of(stream_of(Pieces(words), nothing), 8, "validation")
