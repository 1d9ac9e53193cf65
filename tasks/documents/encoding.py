"""Character encodings: which one a file really has, where its lines end, and which one bytes or a garbled text must have had.

`propose` never names latin-1: it decodes any bytes at all, 0x80 to 0x9F as control characters, so that it proves nothing.
Candidates are ranked by the text that they give: letters that are frequent in a language of the encoding count for it; control
characters rule it out; a capital after a small letter, two scripts in one word and signs within a word count against it.
charset-normalizer was tried first: of 81 samples of a few words in 19 encodings it reads 32 as they were written, this all.
"""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING, NamedTuple

from tasks.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

BOMS = (  # the longer ones first: UTF-32's begins with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_WITHOUT_BOM = {"utf-16": "utf-16-le", "utf-32": "utf-32-le"}


def settle(encoding: str, head: bytes) -> tuple[str, int]:
    """Tell the codec for data that begins with `head`, and how many bytes its byte order mark takes.

    Raises UnicodeDecodeError if the mark is that of another encoding than the declared one.
    """
    declared = codecs.lookup(encoding).name.removesuffix("-sig")
    for bom, found in BOMS:
        if head.startswith(bom):
            if not found.startswith(declared):
                reason = f"this is the byte order mark of {found.removesuffix('-le').removesuffix('-be')}"
                raise UnicodeDecodeError(declared, bom, 0, len(bom), reason)
            return found, len(bom)
    return _WITHOUT_BOM.get(declared, declared), 0


def decode(data: bytes, encoding: str) -> str:
    """Decode a whole document, without its byte order mark; UnicodeDecodeError.start is a byte of `data`."""
    codec, begin = settle(encoding, data[:4])
    try:
        return data.decode(codec) if not begin else data[begin:].decode(codec)
    except UnicodeDecodeError as error:
        start = error.start + begin
        raise UnicodeDecodeError(codec, data, start, max(start + 1, error.end + begin), error.reason) from None
    except UnicodeError as error:  # codecs such as idna and punycode say no more
        raise UnicodeDecodeError(codec, data, 0, max(1, len(data)), str(error)) from None


def extends_ascii(encoding: str) -> bool:
    """Whether ASCII bytes mean ASCII characters."""
    return "az09\n".encode(encoding) == b"az09\n"


class _Family(NamedTuple):
    """What text in some languages looks like: its letters by how frequent they are, and its codecs, likeliest first.

    `frequent` letters count 1, `usual` ones 0.6, `rare` ones 0.2, and letters in the class `others` of a regular expression 0;
    `last` are those that only end a word.
    """

    codecs: tuple[str, ...]
    frequent: str
    usual: str = ""
    rare: str = ""
    others: str = ""
    last: str = ""
    latin: bool = False
    prior: float = 0.0  # taken from the score: how seldom a file is in one of these codecs

    def weights(self) -> dict[str, float]:
        """How much each letter counts."""
        tiers = ((self.rare, 0.2), (self.usual, 0.6), (self.frequent, 1.0))
        return {letter: weight for letters, weight in tiers for letter in letters}


_HAN = (
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多经么去法学如都同现当没动"
    "面起看定天分还进好小部其些主样理心她本前开但因只从想实日军者意无力它与长把机十民第公此已工使情明性知全三又关点正业外将两高间由问很最重并物手应战向"
    "头文体政美相见被利什二等产或新己制身果加西斯月话合回特代内信表化老给世位次度门任常先海通教儿原东声提立及比员解水名真论处走义各入几口认条平系气题活"
    "尔更别打女变四神总何电数安少报才结反受目太量再感建务做接必场件计管期市直德资命山金指克许统区保至队形社便空决治展马科司五基眼书非则听白却界达光放强"
    "即像难且权思王象完设式色路记南品住告类求据程北边死张该交规万取拉格望觉术领共确传师观清今切院让识候带导争运股价涨跌盘亿元增减银投坏息"
    "這個們來為國說時會對於著過發後裡種經麼學現當沒動還進樣開從實軍無與長機關點業將兩間問並應戰頭體見產話內給門兒東聲員論處義幾認條氣題爾別變總電數報結"
    "務場計資許統區隊決馬書則聽卻達強難權設記類據邊張該規萬覺術領確傳師觀讓識帶導爭運價漲盤億減銀壞"
)
_HANGUL = (
    "이다는에을의가고지하한로기사를도서리어자은나인아대정해보시라수그만들과일스것부제있었습니전원장상주구여오년게면조관세경성용내국동안신무문비화유방위중공"
    "소학재선모적물실산생연개발통영속되음계금결최외미우출던려할건요및업치좋했입결급식품분매당행명차반예민말작회감호투양증권달러억락폭등승"
)
_KANA = "".join(map(chr, (*range(0x3041, 0x3097), *range(0x30A1, 0x30FB), 0x30FC)))
_KANJI = (
    "日本人年大国会中一出上生分時行自社事者月後前同方手見長東京新地間今何入学高円小子本下金三二十的業発対政場市内部株価気合力書明体文名全性表主言話来思良悪"
    "品速報決算減増益上昇落売買経済当期使度予想私"
)
_WESTERN = ("éèàäöüßñçóíáúêâôîûåøæëïã", "ìòùõð", "œ")
_CYRILLIC = ("оеаинтсрвл", "кмдпуяыьгзбіїє", "чйхжшюцщэфъёґў", "а-яА-ЯЀ-џҐґ")
_FAMILIES = (
    _Family(("cp1252",), *_WESTERN, latin=True),
    _Family(("gb18030", "big5", "big5hkscs"), _HAN, others="\u4e00-\u9fff"),
    _Family(("cp932", "euc_jp"), _KANA + _KANJI, others="\u4e00-\u9fff"),
    _Family(("cp949",), _HANGUL, others="\uac00-\ud7a3"),
    _Family(("cp1251",), *_CYRILLIC),
    _Family(("koi8-r", "koi8-u", "cp866", "iso8859-5"), *_CYRILLIC, prior=0.1),
    _Family(("cp1250", "iso8859-2"), "ąćęłóśżáčďéěířšťúůýžäôöőűâăî", "ńźĺľŕșțşţđëňü", latin=True, prior=0.05),
    _Family(("cp1254",), "ğşıöüçi", "âîû", latin=True, prior=0.05),
    _Family(("cp1253",), "αοιετσνηρς", "πκμλυάέήίόύώω", "γδθχβφξζψϊϋ", last="ς"),
    _Family(("cp1255",), "יהולאמרתבםש", "נכדקחפעט", "זצגסןףךץ", last="םןףךץ"),
    _Family(("cp1256",), "اليمونرتب", "ةعدسفكقحهجشصىأ", "طخزضذثغظئءؤآإپچژگ", last="ةى"),
    _Family(("cp874",), "ากนรอ่เ้วงมยลท", "ีสต์ัคะปบิดหแุ", "ขฃคฅฆจฉชซฌญฎฏฐฑฒณถธผฝพฟภฤษศฬฮฯำึืูใโไๅๆ็", prior=0.15),
    _Family(("cp1257",), "āčēģīķļņšūžąęėįų", "õäöü", latin=True, prior=0.15),
    _Family(("mac_roman", "cp850"), *_WESTERN, latin=True, prior=0.2),
)
_WIDE = ("utf-16-le", "utf-16-be")  # without a byte order mark
_SIGNS = frozenset("’‘“”–—…•€£©®°§«»„‚·¿¡½™²\xa0、。，！？：；（）《》「」『』【】％　·")
PLAUSIBLE = 0.2  # least mean score, of at most 1 a character beyond ASCII
_CLOSE = 0.2  # a proposal that is this much worse than the best is left out
SAMPLE_BYTES = 16 << 10


class Proposal(NamedTuple):
    """An encoding that gives a plausible text, how plausible (at most 1), and the first words beyond ASCII of that text."""

    encoding: str
    score: float
    shown: str


def propose(data: bytes) -> list[Proposal]:
    """Give the encodings that the bytes of a file plausibly have: the likeliest first, at most three; nothing for other bytes.

    Bytes that are UTF-8 have that.
    """
    for mark, encoding in BOMS:
        if data.startswith(mark) and (text := _decoded(data[len(mark) :], encoding)) is not None:
            return [Proposal(encoding.removesuffix("-le").removesuffix("-be"), 1.0, _beginning(text))]
    text = _decoded(data, "utf-8")
    if text is not None and "\0" not in text:
        return [] if data.isascii() else [Proposal("utf-8", 1.0, _beginning(text))]
    found = []
    for family in _FAMILIES:
        for encoding in family.codecs:
            text = _decoded(data, encoding)
            if text is not None and "\0" not in text:
                found.append(Proposal(encoding, _score(text, family) - family.prior, _beginning(text)))
    for encoding in _WIDE:
        text = _decoded(data, encoding)
        if text is not None and "\0" not in text:
            found.append(Proposal(encoding, _wide_score(text), _beginning(text)))
    found = sorted((each for each in found if each.score >= PLAUSIBLE), key=lambda each: -each.score)  # ties as listed
    return _distinct([each for each in found if each.score >= found[0].score - _CLOSE])[:3]


def advice(data: bytes, option: str) -> str:
    """The end of a message about bytes in a wrong encoding: which option to give, and how the text then reads.

    Without an option, the file's form asks for UTF-8.
    """
    found = propose(data)
    if not found:
        return "no usual encoding gives text" + (f"; name its own with {option}" if option else "") + ", or save it as UTF-8"
    first, *others = found
    if not option:
        return f"it reads as {first.encoding} ({first.shown!r}); write the file again with its text as UTF-8"
    also = f", or {' or '.join(each.encoding for each in others)}" if others else ""
    return f"it reads as {first.encoding} ({first.shown!r}): use {option} {first.encoding}{also}"


def read_utf8(path: Path, *, what: str = "") -> str:
    """Read a whole file that must be UTF-8, without its byte order mark; RequestError names its encoding.

    OSError if it cannot be read.
    """
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        told = advice(data, "")
        raise RequestError(f"{what}{' ' * bool(what)}{path}: byte {error.start} is not UTF-8; {told}") from None


def plausibility(data: bytes, encoding: str) -> float:
    """How plausible the text is that a codec gives: at most 1; PLAUSIBLE is a usual text's least. -1 if it cannot decode."""
    name = _canonical(encoding)
    if name == "iso8859-1":
        name = "cp1252"  # the same but for 0x80 to 0x9F, where latin-1 has control characters
        if any(0x80 <= byte < 0xA0 for byte in data):
            return -1.0
    text = _decoded(data, name)
    if text is None:
        return -1.0
    return max(_score(text, family) for family in _FAMILIES)


def _canonical(encoding: str) -> str:
    return codecs.lookup(encoding).name


def _distinct(found: list[Proposal]) -> list[Proposal]:
    """Without those that read the same as a likelier one."""
    kept: dict[str, Proposal] = {}
    for each in found:
        kept.setdefault(each.shown, each)
    return list(kept.values())


def _decoded(data: bytes, encoding: str) -> str | None:
    """The text of the first SAMPLE_BYTES; None where they do not decode, or decode to control characters and private ones."""
    try:  # where bytes are left over, a character that is cut off at the end waits
        text = codecs.getincrementaldecoder(encoding)().decode(data[:SAMPLE_BYTES], final=len(data) <= SAMPLE_BYTES)
    except UnicodeError:
        return None
    return None if re.search(r"[\x80-\x9f\ue000-\uf8ff\ufffe\uffff\U000f0000-\U0010ffff]", text) else text


def _score(text: str, family: _Family) -> float:
    """Mean over the characters beyond ASCII; 0 if there are none of them."""
    weights, others = family.weights(), re.compile(f"[{family.others}]" if family.others else "(?!)")
    total = number = 0.0
    for at, character in enumerate(text):
        if character > "\x7f":
            number += 1
            if character.isalpha() or character in weights or others.match(character):
                total += _letter(text, at, family, weights.get(character.lower()[0], 0.0 if others.match(character) else -0.7))
            else:
                total += _sign(text, at)
    return total / number if number else 0.0


def _letter(text: str, at: int, family: _Family, weight: float) -> float:
    """How much a letter counts at its place in a word: less where a word of these languages does not have it."""
    before, character, after = text[at - 1] if at else " ", text[at], text[at + 1] if at + 1 < len(text) else " "
    beside = (before.isascii() and before.isalpha()) + (after.isascii() and after.isalpha())
    if character >= "\u2e80":  # Chinese, Japanese, Korean: beside ASCII letters, but not within their words
        return weight - (beside == 2)
    lower = character.lower()
    if character != lower and (before.islower() or (before.isupper() and after.islower())):
        return -1.5
    if character == lower and (after.isupper() or (character in family.last and after.isalpha())):
        return -1.5
    alone = not before.isalpha() and not after.isalpha()
    if not family.latin:
        return -1.0 if beside else min(weight, 0.4) if alone else weight
    if character == "œ":
        return 1.0 if after in ("u", "i") else -0.5
    if alone:
        return 0.5 if lower in "àéèóíîú" else -0.5
    if before > "\x7f" and before.isalpha():
        return -0.7 if at > 1 and text[at - 2] > "\x7f" and text[at - 2].isalpha() else min(weight, 0.2)
    return weight


def _sign(text: str, at: int) -> float:
    """How much a character counts that is not a letter."""
    before, character, after = text[at - 1] if at else " ", text[at], text[at + 1] if at + 1 < len(text) else " "
    if character == "’":
        return 1.0 if before.isalnum() else 0.5
    if before.isalpha() and after.isalpha() and before < "\u2e80":
        return 0.5 if character == "·" else -1.0
    if "\x7f" < before < "\u2e80" and not before.isalpha() and character < "\u2e80":
        return -0.5
    return 0.9 if character in _SIGNS or "\uff01" <= character <= "\uff5e" else -0.7


def _wide_score(text: str) -> float:
    """As `_score`; ASCII counts, since bytes that are not UTF-16 give no ASCII."""
    if not text:
        return 0.0
    letters = sum(character.isascii() and (character.isprintable() or character in "\t\r\n") for character in text)
    beyond = max(_score(text, family) for family in _FAMILIES)
    return (letters + beyond * (len(text) - letters)) / len(text)


def _beginning(text: str) -> str:
    """The words around the first character beyond ASCII, on one line."""
    at = next((at for at, character in enumerate(text) if character > "\x7f"), 0)
    begin = max(text.rfind(" ", 0, at), text.rfind("\n", 0, at), at - 20) + 1
    words = text[begin : begin + 24].split("\n")[0].rstrip()
    return "".join(character if character.isprintable() else " " for character in words)


class Garbled(NamedTuple):
    """A text that was once misread: bytes in `right` were read as `wrong`; an example as it is and as it should be."""

    right: str
    wrong: str
    number: int  # of texts that show it
    of: int  # texts beyond ASCII
    seen: str
    meant: str


def _cp1252(byte: int) -> str:
    return bytes([byte]).decode("cp1252", "replace")


_CP1252 = {character: byte for byte in range(0x80, 0x100) for character in (chr(byte), _cp1252(byte)) if character != "\ufffd"}
_RUN = re.compile("[" + re.escape("".join(_CP1252)) + "]{2,}")
_LOST = "\ufffd"  # where a reader met bytes that it could not decode; "锟斤拷" is two of them read as GBK, "ï¿½" one as cp1252
_MANY = 0.1  # of the texts beyond ASCII; one text may quote a garbled word
_ENOUGH = 6  # bytes beyond ASCII; of fewer, two encodings may both give words
_MARGIN = 0.4  # by which another encoding's text must be the more plausible


def garbled(texts: Iterable[str]) -> Garbled | None:
    """Tell whether texts look like bytes that were read in a wrong encoding; None where they do not.

    Found are UTF-8 read as cp1252 or latin-1 (`Ã©`, `â€™`) or as GBK (`浣犲ソ`), and any other encoding read as one of the
    first two (`²ÆÕþ`), as far as the texts together are long enough to tell.
    """
    beyond = [text for text in texts if not text.isascii()]
    for wrong, undo in (("cp1252", _from_cp1252), ("gb18030", _from_gb18030)):
        undone = [(text, meant) for text in beyond if (meant := undo(text)) is not None]
        if undone and len(undone) >= _MANY * len(beyond):
            text, meant = undone[0]
            return Garbled("utf-8", wrong, len(undone), len(beyond), _beginning(text), _beginning(meant))
    western = [text for text in beyond if all(character in _CP1252 for character in text if character > "\x7f")]
    data = b"\n".join(map(_as_cp1252, western))[:SAMPLE_BYTES]
    enough = sum(byte > 127 for byte in data) >= _ENOUGH
    found = propose(data) if enough else []
    if found and len(western) >= _MANY * len(beyond) and found[0].score > plausibility(data, "cp1252") + _MARGIN:
        return Garbled(found[0].encoding, "cp1252", len(western), len(beyond), _beginning(western[0]), found[0].shown)
    return None


def lost(texts: Iterable[str]) -> int:
    """How many texts hold signs of characters that are gone: U+FFFD, as it is or itself garbled."""
    return sum(_LOST in text or "锟斤拷" in text or "ï¿½" in text for text in texts)


def _as_cp1252(text: str) -> bytes:
    return bytes(ord(character) if character < "\x80" else _CP1252[character] for character in text)


def _from_cp1252(text: str) -> str | None:
    """Undo a reading of UTF-8 as cp1252 or latin-1; None unless most of the characters beyond ASCII are from such a reading."""
    size = 0

    def undo(run: re.Match[str]) -> str:
        nonlocal size
        try:
            meant = _as_cp1252(run[0]).decode()
        except UnicodeDecodeError:
            return run[0]
        size += len(run[0])
        return meant

    meant = _RUN.sub(undo, text)
    sure = size > 2 or "Ã" in text  # `É»` may close a quotation
    return meant if sure and 2 * size > sum(character > "\x7f" for character in text) else None


def _from_gb18030(text: str) -> str | None:
    """Undo a reading of UTF-8 as GBK; a few Chinese characters may be UTF-8 by chance, so None for less than four."""
    if sum(character > "\x7f" for character in text) < 4:
        return None
    try:
        return text.encode("gb18030").decode()
    except UnicodeError:
        return None


def known_encoding(value: str) -> str:
    """Check a character encoding; ValueError proposes some."""
    try:
        "".encode(value)
    except LookupError:
        usual = "utf-8, cp1252 (Western), cp932 (Japanese) or gb18030 (Chinese)"
        raise ValueError(f"unknown encoding {value!r}; try {usual}") from None
    return value
