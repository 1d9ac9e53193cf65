"""Cut text into tokens.

Whatever the tokenizer, a token is never empty, holds no white space, and is none of the marks that later steps reserve.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from .clean import clean
from .scripts import UNSPACED
from .segment import segmenter, words_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Cut = Callable[[str], list[str]]

SETTINGS = ("html", "lowercase", "numbers", "punctuation", "width", "han", "tokenizer")
LISTS = ("stop_words", "user_dictionary")

RESERVED = frozenset({"</s>", "<pad>", "<unk>"})

# How a run of blanks stands among characters: SentencePiece's sign for one (Kudo & Richardson 2018), itself no blank.
BLANK = "\u2581"
_BLANKS = re.compile(r"\s+")
_UNSPACED, _BLANKS_WITHIN = re.compile(f"[{UNSPACED}]"), re.compile(rf"(?<=[{UNSPACED}])\s+(?=[{UNSPACED}])")

# What no tokenizer drops, since without it -5.5% reads as 5.5%: a number's sign, and a percent sign after one. A hyphen is no
# sign: before it is a letter or a digit (Q2-2008, COVID-19, 10-20%), or a number with its Chinese unit (1\u6708-6\u6708). The
# character comes first in the pattern, so that a text without any is searched fast.
_MINUS, _PLUS, _PERCENT = "\\-\u2010-\u2015\u2212\ufe63\uff0d", "+\ufe62\uff0b", "%\ufe6a\uff05"
_MARK = f"[{_MINUS}{_PLUS}\u00b1]"
_ARROWS = "\u2191\u2193\u25b2\u25b3\u25bc\u25bd"  # which way a figure went, before it or after it
_SIGN = (
    rf"[{_MINUS}{_PLUS}\u00b1{_ARROWS}](?:"
    rf"(?=[^\w\s{_MINUS}{_PLUS}]?\d|\.\d)(?<={_MARK})(?<![^\W{UNSPACED}].)(?<![{_PERCENT})\]{_MINUS}{_PLUS}\u00b1].)"
    rf"(?<!\d[{UNSPACED}].)(?<!\d[{UNSPACED}][{UNSPACED}].)"
    rf"|(?<=[{_ARROWS}])(?:(?=\s?[^\w\s]?\d)|(?<=[\d{_PERCENT}].)|(?<=[\d{_PERCENT}]\s.)))"
)
_SIGNS, _PERCENTS = re.compile(_SIGN), re.compile(rf"(?<=\d)\s?[{_PERCENT}]")
_NO_WORD = re.compile(rf"(?:(?!{_SIGN})(?!(?<=\d)%)[\W_])+")
# What signs are among words until they are tokens: control characters, of which a clean text has none.
_SET_APART = dict(zip(f"-+\u00b1{_ARROWS}", "\x01\x02\x03\x04\x05\x06\x07\x08\x0e", strict=True))
_SIGN_TOKENS = {mark: sign for sign, mark in _SET_APART.items()}

# A percentage, a number with decimals and its unit, or a word with inner apostrophes; hyphens part words.
_WORD = r"\d+(?:[.,]\d+)*%|\d+(?:[.,]\d+)+{letter}*|{word}+(?:'{word}+)*"
# Pieces of words and marks whose tokens are remembered, so that the memory is bounded by some 20 MB.
MOST_PIECES, LONG_PIECE = 1 << 16, 40
# Marks that no word and no number holds.
_APART = str.maketrans(dict.fromkeys('!"#$&()*+-/:;<=>?@[\\]^_`{|}~', " "))


class TextToTokens:
    """Turn raw text into the tokens that models are trained on.

    `settings` is what `text.json` of a dataset holds: SETTINGS as in the prepare section, and two lists of strings, the stop
    words and the entries of the user dictionary.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = {key: settings[key] for key in SETTINGS} | {key: list(settings[key]) for key in LISTS}
        self._stop_words = frozenset(self.settings["stop_words"])
        self._clean = {key: self.settings[key] for key in ("html", "lowercase", "numbers", "width", "han")}
        try:
            self._cut = TOKENIZERS[self.settings["tokenizer"]](self.settings)
        except KeyError:
            raise ValueError(f"unknown tokenizer {self.settings['tokenizer']!r}; known: {', '.join(TOKENIZERS)}") from None

    def to_dict(self) -> dict[str, Any]:
        """The settings as JSON values, in a fixed order: `TextToTokens(x.to_dict())` cuts as `x` does."""
        return dict(self.settings)

    def tokens(self, text: str) -> list[str]:
        """The tokens of one text, in order."""
        tokens = self._cut(clean(text, **self._clean))
        if self._stop_words:
            tokens = [token for token in tokens if token.lower() not in self._stop_words]
        return tokens

    def batch(self, texts: Sequence[str]) -> list[list[str]]:
        """The tokens of each text."""
        return [self.tokens(text) for text in texts]


def _with_plain_signs(text: str, *, apart: bool = True) -> str:
    """The text with -, + or \u00b1 for each number's sign, and % at its number: `up 5 %` as `5%`.

    With `apart` signs are between blanks, as control characters, so that no hyphen is taken for one later.
    """

    def plain(match: re.Match[str]) -> str:
        mark = match.group()
        sign = mark if mark in _SET_APART else "+" if mark in _PLUS else "-"
        return f" {_SET_APART[sign]} " if apart else sign

    wide = not text.isascii()  # else a look for the few characters that there may be is faster than a search
    if wide or "-" in text or "+" in text:
        text = _SIGNS.sub(plain, text)
    return _PERCENTS.sub("%", text) if wide or "%" in text else text


def _word_tokenizer(settings: Mapping[str, Any], *, find_signs: bool = True) -> Cut:
    """Words, numbers, see `_WORD`, and their signs; with punctuation, each mark too, but runs of one mark in threes."""
    keep_punctuation = settings["punctuation"] == "keep"
    met: dict[str, dict[str, list[str]]] = {}

    def cut(text: str) -> list[str]:
        marks = ""
        if not text.isascii():
            text, marks = text.replace("\u2019", "'"), _marks()
        if find_signs and not keep_punctuation:
            text = _with_plain_signs(text)
        pattern, known = _word_pattern(marks, keep_punctuation), met.setdefault(marks, {})
        tokens: list[str] = []
        # Most pieces between blanks are whole words: the pattern, which would find the same, sees only the others, and the
        # frequent ones of these (`film.`, `it's`) once.
        for piece in (text if keep_punctuation else text.translate(_APART)).split():
            if piece.isalnum():
                tokens.append(piece)
            elif keep_punctuation:
                found = known.get(piece)
                if found is None:
                    found = [match.group() for match in pattern.finditer(piece)]
                    if len(known) < MOST_PIECES and len(piece) < LONG_PIECE:
                        known[piece] = found
                tokens += found
            elif (bare := piece.strip(".,'")).isalnum():
                tokens.append(bare)
            elif piece in _SIGN_TOKENS:
                tokens.append(_SIGN_TOKENS[piece])
            elif bare:
                tokens.extend(pattern.findall(bare))
        return tokens

    return cut


def _whitespace_tokenizer(settings: Mapping[str, Any]) -> Cut:
    """Words as they stand between blanks; without punctuation, bare of it at both ends, but for a number's sign and %."""
    keep_punctuation = settings["punctuation"] == "keep"
    inside = re.compile(rf"(?:{_SIGN}[^\w\s]?)?\w(?:.*\w)?(?:(?<=\d)[{_PERCENT}])?", re.DOTALL)

    def cut(text: str) -> list[str]:
        tokens = text.split()
        if not keep_punctuation:
            return [match.group() for token in tokens if (match := inside.search(token))]
        return [token.strip("<>") if token in RESERVED else token for token in tokens] if "<" in text else tokens

    return cut


def _char_tokenizer(settings: Mapping[str, Any]) -> Cut:
    """Each character, of marks only a number's sign and %; with punctuation all, and a run of blanks: it parts clauses.

    Latin letters and digits are single characters too: whole words cost n-gram models accuracy on titles, see
    benchmarks/NOTES.md.
    """
    keep_punctuation = settings["punctuation"] == "keep"

    def cut(text: str) -> list[str]:
        if keep_punctuation:
            return list(_BLANKS.sub(BLANK, text.strip()))
        return list(_NO_WORD.sub("", _with_plain_signs(text, apart=False)))

    return cut


def _jieba_tokenizer(settings: Mapping[str, Any]) -> Cut:
    """Words of scripts without blanks as jieba cuts them, those of the user dictionary, and `_word_tokenizer`'s of the rest.

    With punctuation, a run of blanks between two Chinese characters is a token, as it is for `_char_tokenizer`.
    """
    entries = tuple(settings["user_dictionary"])
    segment, own = segmenter(entries).cut, words_of(entries)
    cut_rest = _word_tokenizer(settings, find_signs=False)
    keep_punctuation = settings["punctuation"] == "keep"

    def cut(text: str) -> list[str]:
        if not keep_punctuation:
            text = _with_plain_signs(text)  # here: a piece of the text does not show what stands before it
        if text.isascii() and not own:
            return cut_rest(text)
        tokens: list[str] = []
        rest = ""
        # jieba cuts `don't` and `5,999` apart: what it gives for text of other scripts is joined and cut again.
        for token in segment(_BLANKS_WITHIN.sub(BLANK, text) if keep_punctuation else text):
            if token in own or (not token.isascii() and _UNSPACED.search(token)):
                if rest:
                    tokens += cut_rest(rest)
                    rest = ""
                tokens.append(token)
            else:
                rest += token
        return tokens + cut_rest(rest) if rest else tokens

    return cut


def _basic_english_tokenizer(settings: Mapping[str, Any]) -> Cut:
    """torchtext 0.18's get_tokenizer("basic_english"): marks are tokens, double quotes go, `;` and `:` are blanks.

    Other marks stay in their words (`5.2%` is `5 . 2%`); without punctuation all go, as for `_whitespace_tokenizer`. Its twelve
    patterns are plain texts, so replacing them one by one, in its order, gives its tokens in half of its time.
    """
    cut_at_blanks = _whitespace_tokenizer(settings)
    replacements = [('"', ""), ("<br />", " "), (";", " "), (":", " "), *((mark, f" {mark} ") for mark in "'.,()!?")]

    def cut(text: str) -> list[str]:
        for mark, instead in replacements:
            text = text.replace(mark, instead)
        return cut_at_blanks(text)

    return cut


# A tokenizer for another language without blanks between words is one more entry here.
TOKENIZERS: dict[str, Callable[[Mapping[str, Any]], Cut]] = {
    "word": _word_tokenizer,
    "whitespace": _whitespace_tokenizer,
    "char": _char_tokenizer,
    "jieba": _jieba_tokenizer,
    "basic_english": _basic_english_tokenizer,
}


@lru_cache(maxsize=4)
def _word_pattern(marks: str, keep_punctuation: bool) -> re.Pattern[str]:
    letter, word = (rf"(?:[^\W\d_][{marks}]*)", rf"(?:[^\W_][{marks}]*)") if marks else (r"[^\W\d_]", r"[^\W_]")
    punctuation = r"|([^\w\s]|_)\1{0,2}" if keep_punctuation else ""
    return re.compile(_WORD.format(letter=letter, word=word) + punctuation)


@lru_cache(maxsize=1)
def _marks() -> str:
    """Combining marks as the inside of a character class: Python's own word class leaves them out, and splits Hindi by them."""
    return "".join(c for c in map(chr, range(0x300, 0x20000)) if unicodedata.category(c) in ("Mn", "Mc"))
