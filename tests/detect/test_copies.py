"""Which texts say the same again, and which only look alike."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.detect.copies import MAX_COMPARED, Sketches, earliest_copies, firsts

HEADLINE = "Tesco to cut 4,500 jobs in shake-up of its largest stores"


def earliest(*texts: str, names: list[list[str]] | None = None, start: int = 0) -> list[int]:
    return earliest_copies(Sketches.of(texts, names or [[] for _ in texts]), start, 0.8).tolist()


@pytest.mark.parametrize(
    "copy",
    [
        HEADLINE,
        HEADLINE.upper(),
        f"UPDATE 2-{HEADLINE}",
        f"RPT-UPDATE 1-{HEADLINE}",
        f"Breaking news: {HEADLINE}",
        f"{HEADLINE} - Reuters",
        f"{HEADLINE} | The Northern Echo",
        "Tesco to cut 4,500 jobs in shake-up of its largest stores\u2026",
        "\uff34\uff25\uff33\uff23\uff2f to cut 4,500 jobs in shake\u2010up of its largest stores",
        f"{HEADLINE}, sources say",
    ],
)
def test_a_text_that_is_written_otherwise_is_a_copy(copy: str) -> None:
    assert earliest("Profit at the bank fell a little again this year", HEADLINE, copy) == [0, 1, 1]


@pytest.mark.parametrize(
    "other",
    [
        "Tesco to cut 5,500 jobs in shake-up of its largest stores",
        "Tesco to create 4,500 jobs in shake-up of its largest stores",
        "Sainsbury's to cut 4,500 jobs in plan for banking arm",
        "Tesco",
        "",
        "...",
    ],
)
def test_a_text_that_says_something_else_is_not(other: str) -> None:
    assert earliest(HEADLINE, other) == [0, 1]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("profit in Q3 was lower", "profit in Q4 was lower"),
        ("an order for the A320 was placed", "an order for the A321 was placed"),
        ("the vote was 5 to 7", "the vote was 7 to 5"),
        ("rates went by -5 points", "rates went by 5 points"),
        ("debt of -$5 was booked", "debt of $5 was booked"),
    ],
)
def test_a_long_text_with_other_numbers_is_not_a_copy(one: str, other: str) -> None:
    rest = " ".join(f"word{chr(97 + number % 26)}{chr(97 + number // 26)}" for number in range(300))
    assert earliest(f"{rest} {one} {rest}", f"{rest} {other} {rest}", f"{rest} {one} {rest} again") == [0, 1, 0]


def test_what_denies_a_text_is_not_its_source() -> None:
    text = "Siemens buys a large rival for an undisclosed sum"
    assert earliest(f"{text} - Reuters", f"{text} - reuters.com", f"{text} - report denied") == [0, 0, 2]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Sweden", "Norway"),
        ("the U.S.", "UK"),
        ("March", "April"),
        ("Sweden - Reuters", "Norway - Reuters"),
        ("Sweden", "Reuters"),
        ("Sweden", ""),
    ],
)
def test_a_country_or_a_month_behind_the_dash_is_not_a_source(one: str, other: str) -> None:
    text = "Consumer prices rise more than the analysts of all banks had expected"
    first, second = (f"{text} - {each}".removesuffix(" - ") for each in (one, other))
    assert earliest(first, second, first.upper(), f"{first} | BBC" if "Reuters" not in first else first) == [0, 1, 0, 0]


def test_a_source_with_a_country_in_its_name_is_one() -> None:
    assert earliest(HEADLINE, f"{HEADLINE} - The Times of India", f"{HEADLINE} - The Local Sweden") == [0, 0, 0]


def test_a_text_of_blanks_costs_no_more_than_another() -> None:
    assert earliest(f"{HEADLINE}{' ' * 100_000}x", f"{' ' * 100_000}{HEADLINE}", HEADLINE) == [0, 0, 0]


def test_long_texts_may_differ_in_a_few_words() -> None:
    words = [f"word{chr(97 + number % 26)}{chr(97 + number // 26)}" for number in range(300)]
    changed = [*words[:100], "another", *words[101:200], "word", *words[201:]]
    assert earliest(" ".join(words), " ".join(changed), " ".join(words[::-1])) == [0, 0, 2]


def test_chinese_is_compared_by_its_characters() -> None:
    text = "贵州茅台股价大跌市值一日蒸发千亿元投资者担忧需求"
    assert earliest(text, f"{text}增长", "贵州茅台股价大涨市值一日增加千亿元投资者看好需求") == [0, 0, 2]


def test_texts_about_other_entries_of_the_watch_list_are_not_copies() -> None:
    text = "The retailer said its sales rose in the last quarter of the year"
    assert earliest(text, text, text, names=[["Tesco"], ["Asda"], ["Tesco"]]) == [0, 1, 0]


def test_texts_without_a_word_are_never_copies() -> None:
    assert earliest("...", "...", "", "") == [0, 1, 2, 3]
    assert firsts(Sketches.of(["...", HEADLINE, HEADLINE, ""], [[]] * 4)).tolist() == [1]
    assert earliest_copies(Sketches.of([], []), 0, 0.8).tolist() == []


def test_only_documents_from_the_start_on_are_judged_and_a_copy_names_the_earliest() -> None:
    assert earliest(HEADLINE, "Bank fails", HEADLINE, f"{HEADLINE} - Reuters", "Bank fails", start=3) == [0, 1]


def test_a_copy_among_thousands_of_one_template_is_found() -> None:
    source = np.random.default_rng(1)
    template = "notice of the annual general meeting of all holders of shares in the company".split()  # noqa: SIM905
    texts = [" ".join([*template, *("abcdefgh"[letter] * 3 for letter in source.integers(8, size=4))]) for _ in range(3000)]
    found = earliest(*texts, texts[2000])
    assert len(set(texts)) > 10 * MAX_COMPARED
    assert texts[found[-1]] == texts[2000] or found[-1] < 2000
