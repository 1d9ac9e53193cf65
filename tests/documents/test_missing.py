"""What is a missing value, and what only looks like one."""

from decimal import Decimal

import pytest

from tasks.documents.missing import Missing, looks_missing


@pytest.mark.parametrize("value", [None, float("nan"), "", "  ", "\t", r"\N", "nan", "NaN", " NaN "])
def test_what_is_always_missing(value: object) -> None:
    assert Missing().value(value)


@pytest.mark.parametrize("value", ["NA", "None", "none", "null", "N/A", "-", "NAN", "Nan", "0", 0, False, Decimal(0), 0.0])
def test_words_and_zeros_are_values(value: object) -> None:
    assert not Missing().value(value)


def test_words_that_a_request_lists_are_missing_as_they_are_written() -> None:
    missing = Missing(("NA", "无"))
    assert missing.cell(" NA ")
    assert missing.cell("无")
    assert not missing.cell("na")
    assert not missing.cell("NA and more")


@pytest.mark.parametrize(("label", "looks"), [("none", True), ("N/A", True), ("?", True), ("null", True), ("nano", False)])
def test_a_label_that_looks_like_a_missing_value(label: str, looks: bool) -> None:
    assert looks_missing(label) == looks
