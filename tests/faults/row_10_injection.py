"""fastText's input cannot be injected: whatever a text holds, fastText sees the labels and documents that were declared.

A trial writes ten texts of pieces that mean something to fastText, trains both of its modes on what textmill wrote, and counts
in the models: how often each label occurred, and how many lines ended. Pieces are put together into tokens unseparated and
unclean, so that the writers are tried and not the tokenizer in front of them.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import fasttext

from tasks.finetune.kinds.fasttext.train import _write_lines
from tasks.model.fasttext_words import LABEL
from tasks.pretrain.text import write_text
from tests.writers import write_dataset

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

NUMBER = 10
PROMISE = (
    "Text cannot inject a label, a document or the end of one into fastText's training files (ten texts of an evil alphabet "
    "a trial)"
)
COUNT = 500
TAKEN_OUT = "`plain_word` hands back the token: 40 of 40 trials fail; `plain_words` does: 40 of 40"

PIECES = [
    *("__label__", "__label__0", "__label__1 ", "__label__9", "_", "__", "label", "__label", "label__", "_____label__label__"),
    *(
        "</s>",
        "<",
        "</",
        "s>",
        "/s>",
        "<</s>/s>",
        "</s></s>",
        "\n",
        "\r",
        "\r\n",
        "\t",
        " ",
        "\x0b",
        "\x0c",
        "\0",
        "\x1a",
        "\x1c",
    ),
    *(
        "\x85",
        "\xa0",
        "\u2028",
        "\u2029",
        "\ufeff",
        "\u200b",
        "\u202e",
        "\ufffe",
        "\U0010ffff",
        "\x1b[31m",
        "a",
        "é",
        "电影",
        "🙂",
        "=",
    ),
    *("-", "0", "1", "\\n", "\\0", "%00", "&#10;", "<br>", "'", '"', ",", "x" * 300),
]
LABELS = ["__label__0", "</s>", "a\nb", "0"]  # are numbered in fastText's file, so that none of it gets there


def trial(random: Random, folder: Path) -> str | None:
    """Wrong are other labels, another number of lines, or tokens in a model than were written."""
    documents = [[token(random) for _ in range(random.randint(0, 12))] for _ in range(10)]
    documents[0] = ["plain"] * random.choice([1, 999, 1000, 1001, 2500])
    labels = [random.choice(LABELS) for _ in documents]
    rows = zip(labels, documents, strict=True)
    write_dataset(folder, [(str(at), "train", label, words) for at, (label, words) in enumerate(rows)])
    return supervised(folder, documents, labels) or unsupervised(folder, documents)


def token(random: Random) -> str:
    return "".join(random.choices(PIECES, k=random.randint(0, 5)))


def supervised(folder: Path, documents: list[list[str]], labels: list[str]) -> str | None:
    text = folder / "supervised.txt"
    _write_lines(SimpleNamespace(dataset=folder, labels=LABELS), text, ["train"])  # type: ignore[arg-type]
    declared: dict[str, int] = {}
    for words, label in zip(documents, labels, strict=True):
        if any(words):
            name = f"{LABEL}{LABELS.index(label)}"
            declared[name] = declared.get(name, 0) + 1
    model = fasttext.train_supervised(str(text), label=LABEL, dim=1, epoch=1, minCount=1, thread=1, verbose=0, lr=0.01)
    names, counts = model.get_labels(include_freq=True)
    found = dict(zip(names, map(int, counts), strict=True))
    if found != declared:
        return f"fastText counted the labels {found}, declared were {declared}"
    return lines_ended(model, sum(declared.values()))


def unsupervised(folder: Path, documents: list[list[str]]) -> str | None:
    text = folder / "unsupervised.txt"
    written = write_text(folder, ["train"], text)
    if written.num_documents != sum(bool(words) for words in documents):
        return f"{written.num_documents} documents were written"
    # Another loss than hs shuffles a table of ten million words first.
    options = {"dim": 1, "epoch": 1, "minCount": 1, "thread": 1, "verbose": 0, "minn": 0, "maxn": 0, "bucket": 1, "loss": "hs"}
    model = fasttext.train_unsupervised(str(text), **options)
    words, counts = model.get_words(include_freq=True, on_unicode_error="replace")
    hidden = [word for word in words if LABEL in word]
    if hidden:
        return f"fastText met {hidden}"
    tokens = sum(map(int, counts)) - dict(zip(words, map(int, counts), strict=True)).get("</s>", 0)
    empty = sum(word == "" for document in documents for word in document)
    if tokens != written.num_tokens - empty:
        return f"fastText met {tokens} tokens, written were {written.num_tokens - empty}"
    return lines_ended(model, written.num_lines)


def lines_ended(model: object, wanted: int) -> str | None:
    words, counts = model.get_words(include_freq=True, on_unicode_error="replace")  # type: ignore[attr-defined]
    ended = dict(zip(words, map(int, counts), strict=True)).get("</s>", 0)
    return None if ended == wanted else f"fastText met the end of {ended} lines, written were {wanted}"
