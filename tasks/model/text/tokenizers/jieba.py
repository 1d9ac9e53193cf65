"""Chinese words by jieba's dictionary and hidden Markov model, as jieba-rs has them.

The dictionary is compiled into the library: nothing is read from, or cached in, a folder that others can write to.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ..scripts import UNSPACED
from ..signs import with_plain_signs
from ..tokenizer import BLANK, Tokenizer
from .word import word_cut

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rjieba import Jieba

    from ..tokenizer import Cut

# Words of the dictionary that hold capitals: in folded text they would not be found.
FOLDED = (
    *("a股", "b股", "h股", "a轮", "b轮", "a座", "b座", "c座", "d座", "e座", "a型", "b型", "o型", "ab型", "aa制", "q版", "n年"),
    *("b超", "t恤", "t恤衫", "t台", "t型台", "u盘", "c盘", "d盘", "e盘", "x光", "x光线", "x射线", "c语言", "bb机", "bp机"),
    *("cd机", "cd盒", "pc机", "ic卡", "ip卡", "ip地址", "ip电话", "sim卡", "visa卡", "qq号", "ph值", "rss订阅", "k歌之王"),
)


@lru_cache(maxsize=4)
def segmenter(entries: tuple[str, ...]) -> Jieba:
    """The dictionary with more words: `word frequency`, or `word` alone, which gets a frequency that makes it one word."""
    from rjieba import Jieba  # a served model with another tokenizer does not need it

    jieba = Jieba()
    for word in FOLDED:
        jieba.add_word(word, None, None)
    for entry in entries:
        word, _, frequency = entry.partition(" ")
        jieba.add_word(word, int(frequency) if frequency else None, None)
    return jieba


def words_of(entries: Iterable[str]) -> frozenset[str]:
    """The words of dictionary entries, without their frequencies."""
    return frozenset(entry.partition(" ")[0] for entry in entries)


def jieba_cut(settings: Mapping[str, Any]) -> Cut:
    """Cut scripts without blanks as jieba does, with the words of the user dictionary, and the rest as `word_cut` does.

    With punctuation, a run of blanks between two Chinese characters is a token, as it is for `char_cut`.
    """
    entries = tuple(settings["user_dictionary"])
    segment, own = segmenter(entries).cut, words_of(entries)
    cut_rest = word_cut(settings, find_signs=False)
    unspaced, blanks_within = re.compile(f"[{UNSPACED}]"), re.compile(rf"(?<=[{UNSPACED}])\s+(?=[{UNSPACED}])")
    keep_punctuation = settings["punctuation"] == "keep"

    def cut(text: str) -> list[str]:
        if not keep_punctuation:
            text = with_plain_signs(text)  # here: a piece of the text does not show what comes before it
        if text.isascii() and not own:
            return cut_rest(text)
        tokens: list[str] = []
        rest = ""
        # jieba cuts `don't` and `5,999` apart: what it gives for text of other scripts is joined and cut again.
        for token in segment(blanks_within.sub(BLANK, text) if keep_punctuation else text):
            if token in own or (not token.isascii() and unspaced.search(token)):
                if rest:
                    tokens += cut_rest(rest)
                    rest = ""
                tokens.append(token)
            else:
                rest += token
        return tokens + cut_rest(rest) if rest else tokens

    return cut


# From there on there is too much of such text to take all between two blanks for a word; words of other scripts stay whole.
TOKENIZER = Tokenizer(jieba_cut, libraries=("rjieba",), reads=("user_dictionary",), automatic_from=0.05)
