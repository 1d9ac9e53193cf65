"""Structs of Thrift's compact protocol, read into lists of fields and written again byte for byte. No schema is needed.

A struct is a list of fields, each a list of number, kind and value; a list is its elements' kind and the elements. A `Raw` is
written as it is. https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

from __future__ import annotations

from typing import Any, NamedTuple

TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(1, 13)
STOP = 0
_INTEGERS = (I16, I32, I64)
_DOUBLE_BYTES = 8

Field = list[Any]  # its number, kind and value
Struct = list[Field]


class Raw(NamedTuple):
    """A value that is written already."""

    data: bytes


class Elements(NamedTuple):
    """The elements of a list, and their kind."""

    kind: int
    values: list[Any]


def read_struct(data: bytes, at: int = 0) -> tuple[Struct, int]:
    """The struct that begins at a byte, and the byte behind it; ValueError for one that this does not read."""
    fields: Struct = []
    number = 0
    while (head := data[at]) != STOP:
        at += 1
        kind = head & 0x0F
        if head >> 4:
            number += head >> 4
        else:
            number, at = _read_integer(data, at)
        value, at = _read(data, at, kind)
        fields.append([number, kind, value])
    return fields, at + 1


def write_struct(fields: Struct) -> bytes:
    """The bytes of a struct."""
    out = bytearray()
    before = 0
    for number, kind, value in fields:
        step = number - before
        if 0 < step < 16:
            out.append(step << 4 | kind)
        else:
            out.append(kind)
            out += integer(number)
        out += _written(kind, value)
        before = number
    out.append(STOP)
    return bytes(out)


def list_head(size: int, kind: int) -> bytes:
    """What begins a list of so many elements."""
    return bytes([size << 4 | kind]) if size < 15 else bytes([0xF0 | kind]) + _varint(size)


def integer(value: int) -> bytes:
    """A signed number of up to 64 bits."""
    return _varint((value << 1) ^ (value >> 63))


def value_of(fields: Struct, number: int) -> Any:
    """The value of a struct's field; None if it has none of that number."""
    return next((field[2] for field in fields if field[0] == number), None)


def _read(data: bytes, at: int, kind: int) -> tuple[Any, int]:
    if kind in (TRUE, FALSE):
        return None, at
    if kind == STRUCT:
        return read_struct(data, at)
    if kind in _INTEGERS:
        return _read_integer(data, at)
    if kind == BINARY:
        size, at = _read_varint(data, at)
        return data[at : at + size], at + size
    if kind in (LIST, SET):
        head, at = data[at], at + 1
        size, element = head >> 4, head & 0x0F
        if size == 15:
            size, at = _read_varint(data, at)
        values = []
        for _ in range(size):
            value, at = (data[at], at + 1) if element in (TRUE, FALSE) else _read(data, at, element)
            values.append(value)
        return Elements(element, values), at
    if kind in (BYTE, DOUBLE):
        size = 1 if kind == BYTE else _DOUBLE_BYTES
        return Raw(data[at : at + size]), at + size
    raise ValueError(f"Thrift's kind {kind} is not read here")


def _written(kind: int, value: Any) -> bytes:
    if isinstance(value, Raw):
        return value.data
    if kind in (TRUE, FALSE):
        return b""
    if kind == STRUCT:
        return write_struct(value)
    if kind in _INTEGERS:
        return integer(value)
    if kind == BINARY:
        return _varint(len(value)) + value
    assert kind in (LIST, SET), kind
    if value.kind in (TRUE, FALSE):
        return list_head(len(value.values), value.kind) + bytes(value.values)
    return list_head(len(value.values), value.kind) + b"".join(_written(value.kind, each) for each in value.values)


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _read_integer(data: bytes, at: int) -> tuple[int, int]:
    value, at = _read_varint(data, at)
    return (value >> 1) ^ -(value & 1), at


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
