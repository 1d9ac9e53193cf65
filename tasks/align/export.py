"""Write the trained word vectors of a model for other programs: as text, in word2vec's binary format, or as a NumPy matrix.

Shapes: V vocabulary rows, D dimensions.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import safe_open

from tasks.align.readers import Listed
from tasks.align.vec_file import ROWS_PER_WRITE, write_word2vec_text
from tasks.durable import replaced
from tasks.errors import RequestError
from tasks.finetune.kinds import KINDS
from tasks.model.vocabulary import RESERVED, Vocabulary

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WEIGHTS, EMBEDDING = "weights.safetensors", ".embedding.weight"
TEXT, WORD2VEC, MATRIX = ".vec", ".bin", ".npy"
WORDS_OF_MATRIX = ".vocabulary.json"


def export_vectors(model: Path, target: Path, view: str | None = None) -> dict[str, Any]:
    """Write the embedding of the model in the folder `model` to `target`, in the format that its suffix names; return a report.

    `.vec` (word2vec text) and `.bin` (word2vec binary) hold the words, by frequency; words with a blank in them, which would
    break their line, are left out and counted, and so are the rows of padding and of unknown words. `.npy` holds every row,
    float32 [V, D], and `<name>.vocabulary.json` beside it their words. `view` chooses among several that read words; of a view
    with several members the first member's matrix is written, and the report says how many there are. RequestError for a model
    without word vectors, and for another suffix.
    """
    writer = WRITERS.get(target.suffix)
    if writer is None:
        raise RequestError(f"{target} does not end in {TEXT}, {WORD2VEC} or {MATRIX}; the name says which format is written")
    if not target.parent.is_dir():
        raise RequestError(f"there is no folder {target.parent} to write {target.name} in; make it first")
    view, matrix_VD, members = read_embedding(model, view)
    vocabulary = Vocabulary.load(model)
    written = writer(list(vocabulary.tokens), matrix_VD, target)
    report = {"view": view, "words": written, "dim": int(matrix_VD.shape[1]), "left_out": len(vocabulary) - written}
    report |= {"members": members} if members > 1 else {}
    words = str(words_of_matrix(target)) if target.suffix == MATRIX else None
    return {**report, "file": str(target), "vocabulary": words}


def words_of_matrix(target: Path) -> Path:
    """Where the words of the rows of a `.npy` are written."""
    return target.with_suffix(WORDS_OF_MATRIX)


def read_embedding(model: Path, view: str | None) -> tuple[str, np.ndarray, int]:
    """A view that reads words, by default the only one, its embedding (float32 [V, D]), and how many members the view has.

    Members (`cnn`, `cnn#2`, ...) have an embedding each; `view` may name one, and a view's own name is its first.
    """
    names: list[str] = []
    if (model / WEIGHTS).is_file():
        with safe_open(model / WEIGHTS, framework="numpy") as weights:
            names = sorted(key.removesuffix(EMBEDDING) for key in weights.keys() if key.endswith(EMBEDDING))  # noqa: SIM118
            views = [name.partition("#")[0] for name in names]
            if view in names or (view is None and len(set(views)) == 1):
                view = view or views[0]
                return view, weights.get_tensor(f"{view}{EMBEDDING}"), views.count(view)
    if not names:
        kinds = ", ".join(kind.name for kind in KINDS.values() if kind.reads == "words")
        raise RequestError(f"this model reads no word vectors; train one with one of {kinds} in --finetune.model")
    raise RequestError(f"this model has the word vectors of {', '.join(names)}; say which with --view")


def list_embedding(model: Path, view: str | None, most: int) -> Listed:
    """The first `most` words of a model's vocabulary, which come by frequency, with their fine-tuned vectors."""
    name, matrix_VD, _ = read_embedding(model, view)
    vocabulary, first = Vocabulary.load(model), len(RESERVED)
    rows = slice(first, first + most)
    words, counts = list(vocabulary.tokens[rows]), list(vocabulary.counts[rows])
    return Listed(words, matrix_VD[rows], counts, len(vocabulary) - first, f"embedding of {name}")


def write_text(tokens: list[str], matrix_VD: np.ndarray, target: Path) -> int:
    """Write word2vec's text format; return the number of words."""
    words, rows = _plain_words(tokens)
    replace_file(target, lambda path: write_word2vec_text(words, matrix_VD[rows], path))
    return len(words)


def write_word2vec_binary(tokens: list[str], matrix_VD: np.ndarray, target: Path) -> int:
    """Write word2vec's binary format as gensim does, without line breaks between vectors; return the number of words."""
    words, rows = _plain_words(tokens)

    def write(path: Path) -> None:
        with path.open("wb") as file:
            file.write(b"%d %d\n" % (len(words), matrix_VD.shape[1]))
            for start in range(0, len(words), ROWS_PER_WRITE):
                vectors_KD = matrix_VD[rows[start : start + ROWS_PER_WRITE]].astype("<f4")
                named = zip(words[start : start + ROWS_PER_WRITE], vectors_KD, strict=True)
                file.write(b"".join(word.encode() + b" " + vector_D.tobytes() for word, vector_D in named))

    replace_file(target, write)
    return len(words)


def write_matrix_and_words(tokens: list[str], matrix_VD: np.ndarray, target: Path) -> int:
    """Write all rows as `.npy` and their words as a JSON list; return the number of rows."""
    replace_file(
        words_of_matrix(target), lambda path: path.write_text(json.dumps(tokens, ensure_ascii=False), encoding="utf-8")
    )

    def write(path: Path) -> None:
        with path.open("wb") as file:
            np.save(file, matrix_VD, allow_pickle=False)

    replace_file(target, write)
    return len(tokens)


WRITERS = {TEXT: write_text, WORD2VEC: write_word2vec_binary, MATRIX: write_matrix_and_words}


def _plain_words(tokens: list[str]) -> tuple[list[str], list[int]]:
    """The words that word2vec's formats can hold, and their rows."""
    rows = [row for row, token in enumerate(tokens) if row >= len(RESERVED) and token.split() == [token]]
    return [tokens[row] for row in rows], rows


def replace_file(target: Path, write: Callable[[Path], object]) -> None:
    """Write beside the target and rename: a killed export leaves the old file. RequestError if it cannot be written."""
    try:
        with replaced(target) as partial:
            write(partial)
    except OSError as error:
        raise RequestError(f"{target} cannot be written: {error.strerror}") from error
