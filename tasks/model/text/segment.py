"""Cut Chinese text into words, by jieba's dictionary and hidden Markov model as jieba-rs has them. Models carry a copy.

The dictionary is compiled into the library: nothing is read from, or cached in, a folder that others can write to.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rjieba import Jieba

# Words of the dictionary that hold capitals: in folded text they would not be found.
FOLDED = (
    *("a股", "b股", "h股", "a轮", "b轮", "a座", "b座", "c座", "d座", "e座", "a型", "b型", "o型", "ab型", "aa制", "q版", "n年"),
    *("b超", "t恤", "t恤衫", "t台", "t型台", "u盘", "c盘", "d盘", "e盘", "x光", "x光线", "x射线", "c语言", "bb机", "bp机"),
    *("cd机", "cd盒", "pc机", "ic卡", "ip卡", "ip地址", "ip电话", "sim卡", "visa卡", "qq号", "ph值", "rss订阅", "k歌之王"),
)


@lru_cache(maxsize=4)
def segmenter(entries: tuple[str, ...]) -> Jieba:
    """The dictionary with more words, each with its frequency behind it or with one that makes it a word where it stands."""
    from rjieba import Jieba  # a served model that cuts otherwise can do without it

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
