from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tasks.errors import RequestError
from tasks.finetune.networks.trained_rows import trained_rows
from tasks.finetune.settings import FinetuneConfig
from tasks.model.vocabulary import Vocabulary
from tasks.store.artifact import Fingerprints, section_values

if TYPE_CHECKING:
    from pathlib import Path

WORDS = [f"word{number}" for number in range(10)]
VOCABULARY = Vocabulary(("<pad>", "<unk>", *WORDS), (0, 3, *range(20, 10, -1)))
HAS_VECTOR = np.arange(12) % 3 == 0


def rows(**values: object) -> list[int]:
    config = FinetuneConfig(**({"model": "mean"} | values))
    trained_V = trained_rows(config, VOCABULARY, HAS_VECTOR)
    assert trained_V.dtype == bool
    assert len(trained_V) == 12
    return np.nonzero(trained_V)[0].tolist()


def test_rows_follow_the_configuration() -> None:
    assert rows() == list(range(1, 12))
    assert rows(embedding="low_rank") == list(range(1, 12))
    assert rows(embedding="frozen") == []
    assert rows(embedding="partial") == [1, 2, 4, 5, 7, 8, 10, 11]
    assert rows(embedding="partial", partial_rows="rarest", partial_share=0.3) == [9, 10, 11]
    for kind in ("rarest", "random"):
        assert rows(embedding="partial", partial_rows=kind, partial_share=0.0) == []
        assert rows(embedding="partial", partial_rows=kind, partial_share=1.0) == list(range(2, 12))


def test_random_rows_follow_from_the_seed_alone() -> None:
    drawn = [rows(embedding="partial", partial_rows="random", partial_share=0.4, seed=seed) for seed in range(20)]
    assert drawn[7] == rows(embedding="partial", partial_rows="random", partial_share=0.4, seed=7)
    assert {len(each) for each in drawn} == {4}
    assert set().union(*drawn) == set(range(2, 12))


def test_words_of_a_file_are_looked_up_and_others_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_bytes("\ufeffword3\r\n\nabsent\n word0 \nword3\n<pad>\n<unk>".encode())
    assert rows(embedding="partial", partial_rows="words", partial_words=path) == [2, 5]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"Word1\nother\n", "none of its 2 words is in the vocabulary"),
        (b"", "none of its 0 words is in the vocabulary"),
        (b"caf\xe9", "byte 3 is not UTF-8; save it as UTF-8"),
        (None, "No such file or directory; give --finetune.network.partial-words a file"),
    ],
)
def test_a_file_that_names_no_row_is_a_request_error(content: bytes | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RequestError, match=rf"^word file .*words\.txt: {message}"):
        rows(embedding="partial", partial_rows="words", partial_words=path)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"partial_rows": "rarest"}, "embedding full reads no partial_rows rarest; set embedding partial"),
        ({"embedding": "partial", "partial_rows": "words"}, "partial_rows words and the file partial_words go together"),
        ({"embedding": "partial", "partial_words": "a.txt"}, "partial_rows words and the file partial_words go together"),
        ({"embedding": "frozen", "frozen_epochs": 1}, "embedding frozen already freezes every epoch"),
        ({"embedding": "low_rank", "embedding_pull": 0.1}, "embedding low_rank moves no row that embedding_pull could"),
        ({"embedding": "frozen", "embedding_pull": 0.1}, "embedding frozen moves no row that embedding_pull could"),
        ({"embedding": "frozen", "embedding_lr": 0.1}, "embedding frozen trains no row at embedding_lr 0.1; leave that out"),
        ({"frozen_epochs": 3, "epochs": 3}, "frozen_epochs 3 leaves none of the 3 epochs to train the embedding in; lower it"),
    ],
)
def test_knobs_that_do_not_go_together_are_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FinetuneConfig(**({"model": "mean"} | values))


def test_the_words_and_not_the_name_of_their_file_enter_the_cache_key(tmp_path: Path) -> None:
    values = []
    for name, content in (("a", "word1\n"), ("b", "word1\n"), ("b", "word2\n")):
        path = tmp_path / f"{name}.txt"
        path.write_text(content)
        config = FinetuneConfig(model="mean", embedding="partial", partial_rows="words", partial_words=path)
        values.append(section_values(config, Fingerprints(tmp_path / "memory.db"))["network"]["partial_words"])
    assert values[0] == values[1] != values[2]
