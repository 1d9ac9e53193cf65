"""The salt of a new name, and that it makes the shares of small classes even."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.prepare.dataset import write_dataset
from tasks.prepare.salt import choose_salt
from tasks.prepare.settings import PrepareConfig
from tasks.prepare.sides import digest_words

SIZES = {"negative": 74, "neutral": 120, "positive": 200}


def corpus_rows(make_text: Callable[..., str]) -> list[tuple[str, str, str, None]]:
    return [(f"{label}{i:03}", make_text(), label, None) for label, count in SIZES.items() for i in range(count)]


def prepared(corpus: Path, folder: Path, **options: Any) -> dict[str, Any]:
    folder.mkdir()
    return write_dataset(PrepareConfig(**options), corpus, folder)


def furthest(report: Any) -> float:
    """How far the test rows of a class are from 20% at most, in rows."""
    return max(abs(report["labels"]["test"].get(label, 0) - 0.2 * count) for label, count in SIZES.items())


def test_the_chosen_salt_gives_every_class_its_share(
    make_text: Callable[..., str], write_corpus: Callable[..., Path], tmp_path: Path
) -> None:
    corpus = write_corpus(corpus_rows(make_text))
    salt = choose_salt(corpus, SIZES, PrepareConfig())
    report = prepared(corpus, tmp_path / "chosen", salt=salt)
    assert report["split"] == {"rule": 2, "salt": salt, "seed": 13}
    assert furthest(report) < 3
    assert max(furthest(prepared(corpus, tmp_path / f"salt{other}", salt=other)) for other in range(6)) > 4


def test_the_choice_depends_on_texts_and_seed_and_not_on_their_order(
    make_text: Callable[..., str], write_corpus: Callable[..., Path]
) -> None:
    rows = corpus_rows(make_text)
    chosen = choose_salt(write_corpus(rows), SIZES, PrepareConfig())
    assert choose_salt(write_corpus(rows[::-1], name="turned"), SIZES, PrepareConfig()) == chosen
    seeds = {choose_salt(write_corpus(rows, name=f"seed{seed}"), SIZES, PrepareConfig(seed=seed)) for seed in range(4)}
    assert len(seeds) > 1


def test_copies_and_official_test_rows_have_no_say(make_text: Callable[..., str], write_corpus: Callable[..., Path]) -> None:
    rows = corpus_rows(make_text)
    test = [(f"t{i}", make_text(), "neutral", "test") for i in range(50)]
    contradiction = [(f"x{i}", "one and the same text", ("neutral", "positive")[i % 2], None) for i in range(40)]
    copies = [(f"c{i}", rows[3][1], rows[3][2], None) for i in range(60)]
    plain = choose_salt(write_corpus(rows, name="plain"), SIZES, PrepareConfig())
    assert choose_salt(write_corpus(rows + contradiction + copies, name="copies"), SIZES, PrepareConfig()) == plain
    alone = choose_salt(write_corpus([*rows, test[0]], name="one"), SIZES, PrepareConfig())
    assert choose_salt(write_corpus(rows + test, name="fifty"), SIZES, PrepareConfig()) == alone


def test_large_classes_and_an_empty_corpus_take_the_first_salt(
    make_text: Callable[..., str], write_corpus: Callable[..., Path]
) -> None:
    large = dict.fromkeys(SIZES, 1000000)
    assert choose_salt(write_corpus(corpus_rows(make_text)), large, PrepareConfig()) == 0
    assert choose_salt(write_corpus([], name="empty"), {}, PrepareConfig()) == 0


def test_words_of_a_digest_are_its_first_eight_bytes() -> None:
    import pyarrow as pa

    digests = ["00" * 7 + "01" + "ff" * 24, "ff" * 8 + "00" * 24]
    assert digest_words(pa.array(digests)).tolist() == [1, 2**64 - 1]
    assert digest_words(pa.array([], pa.string())).dtype == np.uint64


@pytest.mark.parametrize("rule", [1, 2])
def test_the_dataset_says_how_it_was_split(
    rule: int, make_text: Callable[..., str], write_corpus: Callable[..., Path], tmp_path: Path
) -> None:
    import json

    prepared(write_corpus(corpus_rows(make_text)), tmp_path / "out", split_rule=rule)
    written = json.loads((tmp_path / "out" / "dataset" / "split.json").read_text())
    assert written == {"rule": rule, "salt": None if rule == 1 else 0, "seed": 13}
