"""Lists of thousands of companies: a CSV with the columns name, aliases, codes.

    name,aliases,codes
    Kweichow Moutai,贵州茅台;茅台,600519.SH;600519
    Next,Next plc;?Next,LON:NXT;NXT

Aliases and codes are parted by `;` or `|`. Nobody has looked through such a list name by name, so a name that may mean
something else counts only in context: a name of two companies, a word of common_names.txt, one letter or Chinese character, a
code of digits alone or of up to three letters, and in a text all in capitals any code of letters. Context is another name or
code of the same company in the text, a sign of a code beside it (`$CAT`, `(CAT)`, `NYSE: CAT`, `600519.SH`, `代码 600519`), a
legal form behind it (`Next plc`, `东方集团`), or for a common word a capital within a sentence that is not in title case; for a
name of two companies only the first of these. `?` before an alias or a code asks for context whatever it is, `!` takes it as it
is.
"""

from __future__ import annotations

import csv
import io
import re
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tasks.documents.encoding import read_utf8
from tasks.errors import RequestError
from tasks.score.names import Name
from tasks.score.spelling import caseless, spelled
from tasks.shown import in_line, shortened

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from tasks.score.names import Doubt, Hit

COLUMNS = ("name", "aliases", "codes")
MOST_COMPANIES = 200_000
MOST_SHOWN = 40
COMMON = Path(__file__).with_name("common_names.txt")
SHORT_CODE, CODE_IN_CAPITALS = 3, 5  # letters
_PARTED = re.compile(r"[;|；]")
_CODE_BEFORE = re.compile(
    r"(?:[$(\[【]|\b(?:NYSE|NASDAQ|AMEX|LSE|LON|HKEX|SEHK|SSE|SZSE|SHA|SHE|SH|SZ|HK|TYO|TSE|FRA|ETR|EPA|HEL|STO|OMX|BIT|SWX|ASX|"
    r"ticker|code)\s*[:.]?|代码\s*:?)\s*\Z",
    re.IGNORECASE,
)
_CODE_BEHIND = re.compile(r"(?:\.[A-Z]{1,2}\b|\s?(?:US|LN|HK|CH|GR|FP|JP|FH|SS|SW|AU)\b(?=\s*(?:Equity|\)|\]|$))|\s*[)\]】])")
_LEGAL_FORM = re.compile(
    r"\s*,?\s*(?:plc|inc|corp|corporation|co|ltd|limited|llc|lp|ag|se|sa|nv|ab|oyj|oy|asa|as|spa|gmbh|kk|holdings?|group|company|"
    r"stores|motors|bank)\b|\s*(?:股份|集团|公司|控股)",
    re.IGNORECASE,
)
_SENTENCE_BEGINS = re.compile(r"(?:\A|[.!?:;|。\n\"'(\-])\s*\Z")
_BEGINNING = re.compile(r"(?<![^\W_])[^\W\d_]")


class Company(NamedTuple):
    """One company: its name, which is its series, and how texts write it; `?` and `!` are still before those."""

    name: str
    aliases: tuple[str, ...]
    codes: tuple[str, ...]


def read_companies(path: Path) -> list[Company]:
    """The companies of a CSV file, those of one name as one; RequestError says in one line what is wrong and in which line."""
    try:
        text = read_utf8(path)
    except OSError as error:
        raise RequestError(f"{path} cannot be read ({error.strerror}); give a readable CSV file") from None
    delimiter = "\t" if "\t" in text.partition("\n")[0] else ","
    rows = csv.reader(io.StringIO(text.removeprefix("\ufeff")), delimiter=delimiter)
    found: dict[str, Company] = {}
    try:
        header = [column.strip().lower() for column in next(rows, [])]
        at = _columns(path, header)
        for row in rows:
            if not any(cell.strip() for cell in row):
                continue
            if len(row) != len(header):
                raise RequestError(
                    f"{path}: line {rows.line_num} has {len(row)} columns, and the first line {len(header)}; put a value that "
                    "holds the delimiter in quotes"
                )
            name, aliases, codes = (row[place] if place is not None else "" for place in at)
            if not name.strip():
                raise RequestError(f"{path}: line {rows.line_num} has no name; write it in the column name")
            company = Company(name.strip(), _several(aliases), _several(codes))
            before = found.get(company.name, Company(company.name, (), ()))
            found[company.name] = Company(company.name, before.aliases + company.aliases, before.codes + company.codes)
            if len(found) > MOST_COMPANIES:
                raise RequestError(f"{path}: more than {MOST_COMPANIES:,} companies; give fewer")
    except csv.Error as error:
        raise RequestError(f"{path}: line {rows.line_num} is not CSV ({error}); correct it") from None
    if not found:
        raise RequestError(f"{path}: no company in it; write a line for each below name,aliases,codes")
    return list(found.values())


def names_of(companies: Iterable[Company], origin: str) -> list[tuple[Name, str]]:
    """Every way to write one of the companies, once, each as it is written too; RequestError names one without a letter."""
    ways: dict[tuple[str, str], tuple[str, bool, bool | None]] = {}  # of entry and spelled words: written, is a code, asked
    for company in companies:
        for is_code, written in ((False, (company.name, *company.aliases)), (True, company.codes)):
            for each in written:
                asked = {"?": True, "!": False}.get(each[:1])
                words = (each if asked is None else each[1:]).strip()
                if not any(map(str.isalnum, words)):
                    shown, of = (shortened(in_line(text), MOST_SHOWN) for text in (each, company.name))
                    raise RequestError(f"{origin}: {shown!r} of {of!r} has no letter and no digit; write it as texts do")
                key = (company.name, spelled(words))
                if key not in ways or asked is not None:  # an alias may say of the name how it is to be taken
                    ways[key] = (words, is_code, asked)
    owners: defaultdict[str, set[str]] = defaultdict(set)
    for entry, words in ways:
        owners[caseless(words)].add(entry)
    return [
        (
            Name(
                entry,
                words,
                of_company=True,
                is_code=is_code,
                doubt=_doubt(words, asked, is_code=is_code, is_shared=len(owners[caseless(words)]) > 1),
            ),
            written,
        )
        for (entry, words), (written, is_code, asked) in ways.items()
    ]


def _doubt(words: str, asked: bool | None, *, is_code: bool, is_shared: bool) -> Doubt | None:
    if asked is not None:
        return "asked" if asked else None
    if is_shared:
        return "shared"
    return "common" if is_ambiguous(words, is_code=is_code) else None


def is_ambiguous(words: str, *, is_code: bool) -> bool:
    """Whether a spelled name or code may well mean something else."""
    if len(words) == 1 or (is_code and words.isdigit()):
        return True
    if is_code and words.isascii() and words.isalpha() and len(words) <= SHORT_CODE:
        return True
    return caseless(words) in common_words()


def counted(text: str, hits: Sequence[Hit]) -> list[Hit]:
    """Of the hits in a spelled text those that count: names in context, and of a company none within a longer name."""
    longest = [hit for hit in hits if not (hit.name.of_company and _is_within(hit, hits))]
    in_capitals = not any(map(str.islower, text)) and any(map(str.isupper, text))
    return [hit for hit in longest if not _wants_context(hit, in_capitals=in_capitals) or _has_context(text, hit, longest)]


def _is_within(hit: Hit, hits: Iterable[Hit]) -> bool:
    return any(
        other.start <= hit.start and hit.end <= other.end and other.end - other.start > hit.end - hit.start
        for other in hits
        if other.name.entry != hit.name.entry
    )


def _wants_context(hit: Hit, *, in_capitals: bool) -> bool:
    if in_capitals and hit.name.is_code and hit.name.as_written and hit.end - hit.start <= CODE_IN_CAPITALS:
        return True
    return hit.name.doubt is not None


def _has_context(text: str, hit: Hit, hits: Iterable[Hit]) -> bool:
    for other in hits:
        apart = other.end <= hit.start or hit.end <= other.start
        if other.name.entry == hit.name.entry and other.name.words != hit.name.words and apart:
            return True
    if hit.name.doubt == "shared":
        return False
    if hit.name.is_code and (_CODE_BEFORE.search(text, max(0, hit.start - 12), hit.start) or _CODE_BEHIND.match(text, hit.end)):
        return True
    if _LEGAL_FORM.match(text, hit.end):
        return True
    return hit.name.doubt == "common" and not hit.name.is_code and _is_proper_noun(text, hit.start, hit.end)


def _is_proper_noun(text: str, start: int, end: int) -> bool:
    """Whether a word begins with a capital that neither the beginning of a sentence nor title case explains."""
    if not text[start].isupper() or text[start:end].isupper() or _SENTENCE_BEGINS.search(text, max(0, start - 4), start):
        return False
    beginnings = [match[0] for match in _BEGINNING.finditer(text)]
    return 2 * sum(map(str.islower, beginnings)) > len(beginnings)


def _columns(path: Path, header: Sequence[str]) -> list[int | None]:
    """Where name, aliases and codes are; either of the latter may be left out."""
    if "name" not in header:
        told = f"its columns are {', '.join(map(in_line, header[:20]))}" if any(header) else "it is empty"
        raise RequestError(f"{path}: no column name, {told}; write name,aliases,codes in the first line")
    for column in header:
        if column in COLUMNS and header.count(column) > 1:
            raise RequestError(f"{path}: two columns are called {column}; keep one")
    return [header.index(column) if column in header else None for column in COLUMNS]


def _several(cell: str) -> tuple[str, ...]:
    return tuple(each.strip() for each in _PARTED.split(cell) if each.strip())


@cache
def common_words() -> Collection[str]:
    """The words of common_names.txt, caseless."""
    lines = COMMON.read_text(encoding="utf-8").splitlines()
    return frozenset(caseless(word) for line in lines if not line.startswith("#") for word in line.split())
