"""Whether day or month comes first in the dates of a source: as it was declared, or as the source's own dates prove.

03/04/2020 proves nothing, 25/03/2020 proves day first. A source whose dates speak against the order is refused whole: those
that look right in it would count in wrong months.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from tasks.documents.times import SHORT_YEAR

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tasks.documents.times import DateOrder, TimeReader

ORDERS: tuple[DateOrder, ...] = ("DMY", "MDY", "YMD")
DEFAULT: DateOrder = "DMY"
SLIPS = 20  # of so many dates that prove the order one may be a slip, and is refused alone
WORDS = {"DMY": "day first", "MDY": "month first", "YMD": "year first", "Y-D-M": "year, day, month"}
_LONG = frozenset({"Y-M-D", "Y-D-M"})


def needs_order(written: str | None, reader: TimeReader) -> bool:
    """Whether a time is a date in numbers, which only its whole source can explain."""
    if not written or (written[4:5] == written[7:8] == "-" and written[5:7] <= "12"):  # told fast: 2020-07-18
        return False
    orders = reader.orders(written)
    return orders is not None and "Y-M-D" not in orders


class Verdict(NamedTuple):
    """How the dates in numbers of a source are read.

    `order` is None where nothing tells it; `proved` says that the source's own dates do. `trouble` is a line about dates that
    are refused: all that need an order (or, with `long`, have the year in front) if `contradicted`, else those that could be
    both; `most` says that they are at least half of the source.
    """

    order: DateOrder | None
    proved: bool = False
    trouble: str | None = None
    contradicted: bool = False
    long: bool = False
    most: bool = False

    def refuses(self, orders: frozenset[str] | None) -> bool:
        """Whether a date, by `TimeReader.orders`, is one of those that contradict the order or are read in a wrong one."""
        return self.contradicted and orders is not None and bool(orders & _LONG) == self.long


class Evidence:
    """The dates in numbers of one source, counted by the orders in which they are dates."""

    def __init__(self, reader: TimeReader) -> None:
        self._reader = reader
        self._counts: Counter[frozenset[str]] = Counter()
        self._num_times = 0
        self._examples: dict[frozenset[str], str] = {}

    def add(self, times: Iterable[str | None]) -> None:
        """Count times as they are written; only dates in numbers that are another day in another order change anything."""
        for written, count in Counter(times).items():
            self._num_times += count if written else 0
            if not written or not (orders := self._reader.orders(written)):
                continue
            if not orders >= {"DMY", "MDY"} or self._reader.read(written).reason:  # 03/03/2020 is one day either way
                self._counts[orders] += count
                self._examples.setdefault(orders, written.strip())

    def verdict(self, declared: DateOrder | None, known: DateOrder | None) -> Verdict:
        """How to read them. `declared` is the order that was asked for, `known` one that earlier dates of the source proved."""
        order = declared or known or DEFAULT
        long = {orders: count for orders, count in self._counts.items() if orders & _LONG}
        if _contradicted("Y-M-D", {"Y-D-M"}, long)[0]:
            told = self._told("Y-D-M", "no setting reads that; write them as 2020-12-31")
            return Verdict(None, trouble=told, contradicted=True, long=True, most=self._is_most(long))
        short = {orders: count for orders, count in self._counts.items() if not orders & _LONG}
        rivals = {"DMY", "MDY"} - {order} | ({SHORT_YEAR} if order != "YMD" else set())
        contradicted, proofs = _contradicted(order, rivals, short)
        if contradicted:
            told = self._contradiction(order, short)
            return Verdict(None, trouble=told, contradicted=True, most=self._is_most(short))
        unclear = {orders: count for orders, count in short.items() if rivals & orders}
        if proofs or declared or known or not unclear:
            return Verdict(order, proofs > 0)
        orders = next(iter(unclear))
        words = [(order, WORDS[order]) for order in ORDERS if order in orders and (order != "YMD" or SHORT_YEAR in orders)]
        may_be, say = (" or ".join(each) for each in zip(*((word, order) for order, word in words), strict=True))
        told = f"dates such as {self._examples[orders]} may be {may_be}; say which: --collect.date-order {say}"
        return Verdict(None, trouble=told, most=self._is_most(unclear))

    def _is_most(self, some: dict[frozenset[str], int]) -> bool:
        return 2 * sum(some.values()) >= self._num_times

    def _contradiction(self, order: str, short: dict[frozenset[str], int]) -> str:
        for other in ORDERS:
            if all(other in orders for orders in short):
                return self._told(other, f"use --collect.date-order {other}")
        example = next(self._examples[orders] for orders in short if order not in orders)
        return f"some dates are {WORDS[order]} and others, such as {example}, are not; give each order a source of its own"

    def _told(self, order: str, remedy: str) -> str:
        alone = min((orders for orders in self._counts if order in orders), key=len)
        return f"these dates are {WORDS[order]}, such as {self._examples[alone]}; {remedy}"


def _contradicted(order: str, rivals: set[str], counts: dict[frozenset[str], int]) -> tuple[bool, int]:
    """Whether dates speak against an order, and how many prove it."""
    proofs = sum(count for orders, count in counts.items() if order in orders and not rivals & orders)
    against = sum(count for orders, count in counts.items() if order not in orders)
    return against * SLIPS > proofs, proofs
