"""The embedded sample corpus keeps the promises its README makes."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from itertools import combinations
from pathlib import Path

import pytest

SAMPLE = Path(__file__).resolve().parents[2] / "data" / "sample"
LABELS = ("positive", "negative", "neutral")
FOLDERS = (*LABELS, "unlabelled")
MIN_LABELLED = 900
MAX_SHARED_TRIGRAMS = 0.5


def sample_files(folder: str) -> list[Path]:
    return sorted((SAMPLE / folder).glob("*.txt"))


def all_sentences() -> dict[str, str]:
    """Every sentence, labelled or not, keyed by its path below the sample."""
    return {
        path.relative_to(SAMPLE).as_posix(): path.read_text(encoding="utf-8").strip()
        for folder in FOLDERS
        for path in sample_files(folder)
    }


def word_trigrams(sentence: str) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", sentence.lower())
    return set(zip(words, words[1:], words[2:], strict=False))


def near_copies(sentences: dict[str, str]) -> list[tuple[str, str, float]]:
    """Pairs that share half or more of the trigrams of the shorter one.

    Only pairs that meet in some trigram are looked at.
    """
    trigrams = {name: word_trigrams(text) for name, text in sentences.items()}
    holders: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for name, grams in trigrams.items():
        for gram in grams:
            holders[gram].append(name)

    shared: Counter[tuple[str, str]] = Counter()
    for names in holders.values():
        shared.update(combinations(names, 2))

    found = []
    for (a, b), count in shared.items():
        ratio = count / min(len(trigrams[a]), len(trigrams[b]))
        if ratio >= MAX_SHARED_TRIGRAMS:
            found.append((a, b, ratio))
    return found


def test_enough_labelled_sentences() -> None:
    assert sum(len(sample_files(label)) for label in LABELS) >= MIN_LABELLED


@pytest.mark.parametrize("folder", FOLDERS)
def test_folder_is_present(folder: str) -> None:
    assert sample_files(folder)


def test_no_other_folders_or_files() -> None:
    assert {path.name for path in SAMPLE.iterdir() if path.is_dir()} == set(FOLDERS)
    for folder in FOLDERS:
        names = [path.name for path in sorted((SAMPLE / folder).iterdir())]
        assert names == [f"{n:04d}.txt" for n in range(1, len(names) + 1)]


@pytest.mark.parametrize("folder", FOLDERS)
def test_each_file_is_one_line_of_clean_utf8(folder: str) -> None:
    for path in sample_files(folder):
        text = path.read_bytes().decode("utf-8")
        assert text.endswith("\n"), path
        line = text[:-1]
        assert line, path
        assert line == line.strip(), path
        assert len(line.splitlines()) == 1, path
        assert unicodedata.is_normalized("NFC", line), path
        assert not any(unicodedata.category(char).startswith("C") for char in line), path


@pytest.mark.parametrize("folder", FOLDERS)
def test_sentences_are_8_to_40_words_long(folder: str) -> None:
    for path in sample_files(folder):
        assert 8 <= len(path.read_text(encoding="utf-8").split()) <= 40, path


def test_no_exact_duplicates() -> None:
    counts = Counter(all_sentences().values())
    assert [text for text, count in counts.items() if count > 1] == []


def test_no_near_copies() -> None:
    assert near_copies(all_sentences()) == []


def test_near_copies_are_found() -> None:
    sentences = {
        "a": "The board of Alpha raised its dividend again this year.",
        "b": "The board of Alpha raised its dividend in spring.",
        "c": "A fire closed the plant that Beta runs near the harbour.",
    }
    assert [(a, b) for a, b, _ in near_copies(sentences)] == [("a", "b")]


def test_readme_says_that_it_is_invented_and_counts_right() -> None:
    readme = (SAMPLE / "README.md").read_text(encoding="utf-8")
    assert "invented" in readme
    for folder in FOLDERS:
        match = re.search(rf"{folder}/0001\.txt \.\.\.\s+(\d+) sentences", readme)
        assert match, folder
        assert int(match.group(1)) == len(sample_files(folder))
