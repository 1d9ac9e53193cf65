"""Character encodings: which one a file really has, and where its lines end."""

from __future__ import annotations

import codecs

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
