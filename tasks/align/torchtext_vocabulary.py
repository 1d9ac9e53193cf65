"""A vocabulary for code that is written for torchtext: the look-ups of torchtext.vocab.Vocab, and conversion both ways.

No step uses it, and it needs torchtext only to make a `Vocab` of torchtext's own (docs/TORCHTEXT.md).
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tasks.model.vocabulary import RESERVED, UNK_ID, Vocabulary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


@dataclass(frozen=True)
class TorchtextVocabulary(Vocabulary):
    """A Vocabulary whose rows are looked up by name, with methods named and behaving as those of torchtext 0.18's Vocab.

    Names find the reserved rows too: `vocabulary["<pad>"]` is 0 and `vocabulary["<unk>"]` is 1.
    """

    _default_index: int | None = field(default=UNK_ID, init=False, repr=False, compare=False)

    def __contains__(self, token: object) -> bool:
        return token in self.index or token in RESERVED

    def __iter__(self) -> Iterator[str]:
        return iter(self.tokens)

    def __getitem__(self, token: str) -> int:
        """The row of a token; of an unknown one the default index, and RuntimeError where that is None, as in torchtext."""
        row = self.index.get(token)
        if row is None:
            row = RESERVED.index(token) if token in RESERVED else self._default_index
        if row is None:
            raise RuntimeError(f"token {token!r} is not in the vocabulary, and there is no default index")
        return row

    def __call__(self, tokens: Sequence[str]) -> list[int]:
        """The rows of tokens; TypeError for a single text, as in torchtext: its characters were hardly meant."""
        if isinstance(tokens, str):
            raise TypeError(f"give a list of tokens, not one text: {tokens[:40]!r}")
        return [self[token] for token in tokens]

    lookup_indices = __call__

    def lookup_token(self, index: int) -> str:
        """The token of a row; RuntimeError for a row that does not exist, as in torchtext."""
        if not 0 <= index < len(self):
            raise RuntimeError(f"row {index} is outside of the vocabulary's {len(self)} rows")
        return self.tokens[index]

    def lookup_tokens(self, indices: Sequence[int]) -> list[str]:
        """The tokens of rows."""
        return [self.lookup_token(index) for index in indices]

    def get_itos(self) -> list[str]:
        """All tokens, by row."""
        return list(self.tokens)

    def get_stoi(self) -> dict[str, int]:
        """All rows, by token; the reserved names too."""
        return {token: row for row, token in enumerate(self.tokens)}

    def get_default_index(self) -> int | None:
        """The row that look-ups by name give for an unknown token: 1 unless it was set."""
        return self._default_index

    def set_default_index(self, index: int | None) -> None:
        """Set the row of unknown tokens in look-ups by name; None: they raise. `encode` and the models always read row 1."""
        object.__setattr__(self, "_default_index", index)

    @classmethod
    def from_torchtext(cls, vocab: Any) -> TorchtextVocabulary:
        """The words of a torchtext.vocab.Vocab, or of anything with `get_itos`, in their order; counts are unknown, so 0.

        Padding and unknown become rows 0 and 1, wherever they were; ``[vocabulary[t] for t in vocab.get_itos()]`` are the new
        numbers of its rows. The default index is kept, None too; where `vocab` has no `get_default_index` it is row 1.
        """
        itos = vocab.get_itos()
        words = [token for token in itos if token not in RESERVED]
        vocabulary = cls((*RESERVED, *words), (0,) * (len(words) + len(RESERVED)))
        if hasattr(vocab, "get_default_index"):
            index = vocab.get_default_index()
            inside = index is not None and 0 <= index < len(itos)
            vocabulary.set_default_index(vocabulary[itos[index]] if inside else index)
        return vocabulary

    def to_torchtext(self, build: Callable[..., Any] | None = None) -> Any:
        """The same words in the same rows as a torchtext.vocab.Vocab, with the same default index.

        `build` makes it, as torchtext.vocab.vocab does, which it is by default; ImportError says how to get that.
        """
        build = build or _torchtext_vocab()
        counted = OrderedDict((token, max(count, 1)) for token, count in zip(self.tokens[2:], self.counts[2:], strict=True))
        vocab = build(counted, min_freq=1, specials=list(RESERVED), special_first=True)
        vocab.set_default_index(self._default_index)
        return vocab


def _torchtext_vocab() -> Callable[..., Any]:
    try:
        import torchtext

        torchtext.disable_torchtext_deprecation_warning()
        from torchtext.vocab import vocab
    except (ImportError, OSError) as error:  # OSError: its library was made for another torch
        raise ImportError(
            f"torchtext cannot be used here ({error}); in an environment of its own, "
            "pip install '.[torchtext]' --constraint constraints-torchtext.txt gives it the torch 2.3 that it loads with"
        ) from error
    build: Callable[..., Any] = vocab
    return build
