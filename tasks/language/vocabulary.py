"""Fit a tokenizer on the train texts, and what spells the words that it lacks. In go texts, out comes a folder with

tokenizer.json, language.json   what `tasks.model.language.pieces` reads
spelling.safetensors            the byte model of <unk>, see `tasks.model.language.spelling`
"""

from __future__ import annotations

import itertools
import json
import shutil
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.errors import RequestError
from tasks.model.language.pieces import END, ENDS, FACTS, PAD, TOKENIZER, UNKNOWN, Pieces, normal, num_words, open_tokenizer
from tasks.model.language.spelling import Spelling
from tasks.prepare.read import iter_texts
from tasks.prepare.script import choose_tokenizer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tasks.language.settings import TokenizerConfig
    from tasks.progress import Progress

# A word or a mark with the blank before it; within a word lone marks, as in 1,203.5, don't, and S&P.
WORDS = r" ?(?:\w+(?:[.,'\u2019:/&-]\w+)*|[^\w\s])|\s"
CHARACTERS = r"[\s\S]"
LOOKED_AT = 200  # texts that a tokenizer of others has to give back


def write_tokenizer(
    config: TokenizerConfig, texts: Path, folder: Path, *, weights: Path | None = None, progress: Progress
) -> dict[str, Any]:
    """Write the tokenizer's folder; the report has its kind, pieces, words and the share of <unk> in train and validation.

    `texts` is prepare's part of that name, `weights` the folder of pretrained weights, if there are any. RequestError for a
    tokenizer that cannot be used.
    """
    kind: str = config.kind
    if kind == "auto":
        kind = choose_tokenizer(itertools.islice(iter_train(texts), 1000)).tokenizer
    counts: Counter[str] = Counter()
    if kind in ("file", "weights"):
        source = config.file if kind == "file" else None if weights is None else weights / TOKENIZER
        if source is None:
            raise RequestError("tokenizer.kind weights takes the tokenizer of train.weights, and there are none; give them")
        made, end, unknown = _given(source, folder)
    elif kind == "bpe":
        made, end, unknown = _bpe(config, iter_train(texts), folder)
    else:
        counts = _counted(_cut(kind), iter_train(texts), progress)
        made, end, unknown = _most_frequent(config, kind, counts, folder)
    pieces = made.get_vocab_size(with_added_tokens=True)
    added = {number for number, token in made.get_added_tokens_decoder().items() if token.special}
    banned = sorted((added | ({unknown} if unknown is not None else set())) - {end})
    facts = {"kind": kind, "pieces": pieces, "end": end, "unknown": unknown, "banned": banned}
    (folder / FACTS).write_text(json.dumps(facts), encoding="utf-8")
    known = made.get_vocab()
    rare = {piece: count for piece, count in counts.items() if piece not in known}
    once = {piece: 1 for piece in counts if piece in known}
    words = sorted({**rare, **once}.items())
    Spelling.fit([word.encode() for word, _ in words], np.fromiter((count for _, count in words), np.int64, len(words))).save(
        folder
    )
    cut = Pieces(folder)
    if kind == "file":
        _check_gives_back(cut, texts, config.file)
    shares = {split: _share(cut, iter_train(texts, split)) for split in ("train", "valid")}
    train_words = sum(map(num_words, iter_train(texts)))
    return {"kind": kind, "pieces": pieces, "words": train_words, "unknown": shares["train"], "valid_unknown": shares["valid"]}


def iter_train(texts: Path, split: str = "train") -> Iterator[str]:
    """The texts of a split, as they were ingested."""
    for batch in iter_texts(texts, (split,)):
        yield from batch.column("text").to_pylist()


def _cut(kind: str) -> Callable[[str], list[str]]:
    """What cuts a text as it is modelled into words or characters."""
    if kind == "jieba":
        from tasks.model.text.tokenizers.jieba import segmenter

        return segmenter(()).cut
    plain = _plain(kind, {UNKNOWN: 0})
    own, before = plain.pre_tokenizer, plain.normalizer

    def cut(text: str) -> list[str]:
        return [piece for piece, _ in own.pre_tokenize_str(text if before is None else before.normalize_str(text))]

    return cut


def _plain(kind: str, vocabulary: dict[str, int]) -> Any:
    """A tokenizer of the library for words or characters; words get their blank, the first one of a text too."""
    from tokenizers import Regex, Tokenizer, decoders
    from tokenizers.models import WordLevel
    from tokenizers.normalizers import Prepend
    from tokenizers.pre_tokenizers import Split

    made: Any = Tokenizer(WordLevel(vocabulary, unk_token=UNKNOWN))
    if kind == "word":
        made.normalizer = Prepend(" ")
    made.pre_tokenizer = Split(Regex(WORDS if kind == "word" else CHARACTERS), "isolated")
    made.decoder = decoders.Fuse()
    return made


def _counted(cut: Callable[[str], list[str]], texts: Iterator[str], progress: Progress) -> Counter[str]:
    counts: Counter[str] = Counter()
    for number, text in enumerate(texts, start=1):
        counts.update(cut(normal(text)))
        progress.advance(number, None, "documents", "counting")
    return counts


def _most_frequent(config: TokenizerConfig, kind: str, counts: Counter[str], folder: Path) -> tuple[Any, int, int]:
    """The tokenizer of the most frequent pieces, the numbers of <eos> and of <unk>; of equals the first in order is taken."""
    special = [PAD, UNKNOWN, END]
    frequent = sorted((-count, piece) for piece, count in counts.items() if count >= config.min_count and piece not in special)
    vocabulary = {
        piece: number
        for number, piece in enumerate([*special, *(piece for _, piece in frequent[: config.size - len(special)])])
    }
    made = _plain(kind, vocabulary)
    made.add_special_tokens(special)
    made.save(str(folder / TOKENIZER))
    return made, vocabulary[END], vocabulary[UNKNOWN]


def _bpe(config: TokenizerConfig, texts: Iterator[str], folder: Path) -> tuple[Any, int, None]:
    """Byte-level BPE (Sennrich et al. 2016; Radford et al. 2019): every text has pieces, none is <unk>."""
    from tokenizers import Tokenizer, decoders
    from tokenizers.models import BPE
    from tokenizers.pre_tokenizers import ByteLevel
    from tokenizers.trainers import BpeTrainer

    made: Any = Tokenizer(BPE())
    made.pre_tokenizer, made.decoder = ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    trainer = BpeTrainer(
        vocab_size=config.size,
        min_frequency=config.min_count,
        special_tokens=[PAD, END],
        initial_alphabet=sorted(ByteLevel.alphabet()),
        show_progress=False,
    )
    made.train_from_iterator(map(normal, texts), trainer)
    made.save(str(folder / TOKENIZER))
    return made, made.token_to_id(END), None


def _given(source: Path, folder: Path) -> tuple[Any, int, int | None]:
    """A copy of a tokenizer, with an end of texts if it has none."""
    if not source.is_file():
        raise RequestError(f"--tokenizer.file {source}: not a file; give a tokenizer.json")
    made = open_tokenizer(source)
    end = next((number for name in ENDS if (number := made.token_to_id(name)) is not None), None)
    if end is None:
        made.add_special_tokens([END])
        end = made.token_to_id(END)
        made.save(str(folder / TOKENIZER))
    else:
        shutil.copyfile(source, folder / TOKENIZER)
    name = getattr(made.model, "unk_token", None)
    return made, int(end), None if name is None or name == made.id_to_token(end) else made.token_to_id(name)


def _check_gives_back(cut: Pieces, texts: Path, source: Path | None) -> None:
    """RequestError for a tokenizer whose pieces do not spell the text: what it leaves out would cost nothing."""
    for text in itertools.islice(iter_train(texts), LOOKED_AT):
        encoded = cut.encode([text])
        if not encoded.unknown and (back := cut.text(encoded.ids.tolist())) != normal(text):
            at = next((at for at, (a, b) in enumerate(zip(back, normal(text), strict=False)) if a != b), 0)
            told = f"{normal(text)[max(at - 10, 0) : at + 20]!r} comes back as {back[max(at - 10, 0) : at + 20]!r}"
            raise RequestError(
                f"--tokenizer.file {source}: its pieces do not spell the text ({told}), so its bits could not be compared; "
                "give one that keeps case and blanks, such as GPT-2's"
            )


def _share(cut: Pieces, texts: Iterator[str]) -> float:
    """The share of <unk> among the pieces."""
    encoded = cut.encode(texts)
    return len(encoded.unknown) / max(len(encoded.ids), 1)
