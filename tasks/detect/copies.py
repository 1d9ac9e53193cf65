"""Find the documents of a stream that say again what an earlier one has said.

Texts are compared as the rows of a corpus are (tasks/prepare/duplicates.py): by min-hash signatures of their words in fives, of
which 8 bands of 4 rows propose pairs (Broder 1997). What wires and sites add is left out of the comparison: `UPDATE 1-` in
front, ` - Reuters` behind, capitals and punctuation. A few words behind the last dash are taken for a source unless the first
begins with a small letter, or they are a country, a month or the like (no_source.py). Two texts with other numbers in them
(`Q3`, `A320`, `-5` too), with the same ones in another order, with other countries or months behind the last dash, or about
other entries of the watch-list, are never copies: of two short texts that differ in nothing else, these are the news.

Whether a document is a copy follows from it and from the documents of the days before it, in whatever order all of them came.

Shapes: N documents of a day, P of the days before and of this day, B bands.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from tasks.detect.no_source import no_source
from tasks.model.text.scripts import UNSPACED
from tasks.prepare.documents import pack
from tasks.prepare.duplicates import NUM_BANDS
from tasks.prepare.minhash import NUM_HASHES, mix, signatures, token_hashes

if TYPE_CHECKING:
    from collections.abc import Sequence

RULE = 3  # raise it when the same documents would give other copies: monitors then look through theirs again
MAX_COMPARED = 64  # documents of a bucket, the earliest, that one is compared with: thousands may follow one template
_ROWS = NUM_HASHES // NUM_BANDS
_TAGS = "update refile rpt repeat wrapup corrected correction brief exclusive breaking alert press live"
_TAG = re.compile(
    rf"^\s*(?:(?:{'|'.join(_TAGS.split())})(?:\s+news)?(?:\s*\d{{1,2}})?\s*[-:\u2013\u2014|]+\s*)+", re.IGNORECASE
)
_SOURCE = re.compile(r"\s[-\u2013\u2014|]\s+[^-\u2013\u2014|\d]{2,40}$")
_SOURCE_CHARS = 64  # of the end of a text, in which a source is looked for
_MINUS = re.compile(r"(?<!\S)[-\u2212]([$\u20ac\u00a3\u00a5]?)(?=\d)")
_MAX_SOURCE_WORDS, _MIN_WORDS = 4, 4  # of what is left out at the end, and of what has to be left
_WORD = re.compile(rf"[{UNSPACED}]|[^\W_{UNSPACED}]+")
_DASH = "\u2014"
_APOSTROPHES = re.compile(r"(?<=\w)['\u2019](?=\w)")


@dataclass(frozen=True)
class Sketches:
    """What is compared of documents: `texts` uint64 [N], equal for equal words; `facts` uint64 [N], equal for equal numbers and
    names; `signatures` uint32 [N, 32]; `bands` uint64 [N, B]. A document without a word has `texts` 0 and is no copy.
    """

    texts: np.ndarray
    facts: np.ndarray
    signatures: np.ndarray
    bands: np.ndarray

    @classmethod
    def of(cls, texts: Sequence[str], names: Sequence[Sequence[str] | None]) -> Self:
        """Sketch texts, with the entries of the watch-list that each speaks of."""
        words = [_words(text) for text in texts]
        num_words = np.fromiter(map(len, words), np.int32, len(words))
        joined = ["\n".join(each).encode() for each in words]
        facts = ["\n".join([*_facts(each), "", *sorted(of or ())]) for each, of in zip(words, names, strict=True)]
        _, utf8, starts = pack(joined, num_words)
        signed = signatures(token_hashes(utf8, starts), num_words)
        digests = np.where(num_words > 0, _digests(joined), np.uint64(0))
        return cls(digests, _digests([each.encode() for each in facts]), signed, _bands(signed))

    def take(self, rows: np.ndarray) -> Self:
        """Those of some documents."""
        return type(self)(self.texts[rows], self.facts[rows], self.signatures[rows], self.bands[rows])

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Several, one after another."""
        names = ("texts", "facts", "signatures", "bands")
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))

    def __len__(self) -> int:
        return len(self.texts)


def firsts(sketches: Sketches) -> np.ndarray:
    """The rows whose words and facts no row before has, in order; those without a word are left out."""
    pairs = np.stack([sketches.texts, sketches.facts], axis=1)
    _, rows = np.unique(pairs, axis=0, return_index=True)
    rows.sort()
    kept: np.ndarray = rows[sketches.texts[rows] > 0]
    return kept


def earliest_copies(sketches: Sketches, start: int, similarity: float) -> np.ndarray:
    """For each document from row `start` on the earliest row, of all before it, that it is a near-copy of: int64 [N].

    The document's own row where there is none. Rows are in order of time.
    """
    found = _same_words(sketches)
    needed = int(np.ceil(similarity * NUM_HASHES - 1e-9))
    for bucket in sketches.bands.T:
        _nearest(sketches, bucket, start, needed, found)
    return found[start:]


def _same_words(sketches: Sketches) -> np.ndarray:
    """The first row with the same words and facts, int64 [P]."""
    pairs = np.stack([sketches.texts, sketches.facts], axis=1)
    _, rows, places = np.unique(pairs, axis=0, return_index=True, return_inverse=True)
    return np.where(sketches.texts > 0, rows[places.reshape(-1)], np.arange(len(sketches))).astype(np.int64)


def _nearest(sketches: Sketches, bucket_P: np.ndarray, start: int, needed: int, found_P: np.ndarray) -> None:
    """Lower `found_P` to the first row of the same bucket that agrees in `needed` positions and in its facts."""
    order_P = np.argsort(bucket_P, kind="stable")
    is_first_P = np.ones(len(order_P), bool)
    is_first_P[1:] = bucket_P[order_P[1:]] != bucket_P[order_P[:-1]]
    run_P = np.flatnonzero(is_first_P)[np.cumsum(is_first_P) - 1] if len(order_P) else order_P
    open_ = np.flatnonzero((order_P >= start) & (sketches.texts[order_P] > 0))  # places in the order
    for step in range(MAX_COMPARED):
        open_ = open_[run_P[open_] + step < open_]
        if not len(open_):
            return
        own, other = order_P[open_], order_P[run_P[open_] + step]
        is_copy = (sketches.signatures[own] == sketches.signatures[other]).sum(axis=1) >= needed
        is_copy &= (sketches.facts[own] == sketches.facts[other]) & (sketches.texts[other] > 0)
        found_P[own[is_copy]] = np.minimum(found_P[own[is_copy]], other[is_copy])
        open_ = open_[~is_copy]


def _words(text: str) -> list[str]:
    """The words of a text without what a wire or a site has added to it; of a country behind a dash one word with the dash."""
    text = _TAG.sub("", unicodedata.normalize("NFKC", text), count=1)
    text, place = _without_source(text.rstrip())
    words = _WORD.findall(_MINUS.sub(r" \1minus", _APOSTROPHES.sub("", text)).casefold())
    return [*words, f"{_DASH}{place}"] if place else words


def _without_source(text: str) -> tuple[str, str]:
    """A text without the source behind its last dash; and the country or the like behind the last dash that is left."""
    for is_left_out in (False, True):
        if (added := _SOURCE.search(text, max(0, len(text) - _SOURCE_CHARS))) is None:
            break
        kept, source = text[: added.start()], added.group().split()[1:]
        if place := no_source(" ".join(source)):
            return kept, place
        is_name = not source[0][0].islower() or "." in source[0]
        if is_left_out or len(_WORD.findall(kept)) < _MIN_WORDS or len(source) > _MAX_SOURCE_WORDS or not is_name:
            break
        text = kept
    return text, ""


def _facts(words: Sequence[str]) -> list[str]:
    """The words with a digit, in their order, and a country behind a dash."""
    return [word for word in words if word[0] == _DASH or any(char.isdigit() for char in word)]


def _digests(texts: Sequence[bytes]) -> np.ndarray:
    """A number other than 0 for each text, equal for equal ones: uint64 [N]."""
    digests = b"".join(hashlib.blake2b(text, digest_size=8).digest() for text in texts)
    return np.frombuffer(digests, dtype="<u8") | np.uint64(1)


def _bands(signatures_NH: np.ndarray) -> np.ndarray:
    """The bucket of each document in each band: uint64 [N, B]."""
    bands_NB = np.zeros((len(signatures_NH), NUM_BANDS), np.uint64)
    for row in range(_ROWS):
        turned = bands_NB << np.uint64(32) | bands_NB >> np.uint64(32)
        bands_NB = mix(turned ^ signatures_NH[:, row::_ROWS].astype(np.uint64))
    return bands_NB
