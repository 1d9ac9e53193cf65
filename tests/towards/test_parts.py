"""Which part of a text speaks of which name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.two_companies import joined, natural
from tasks.towards.borders import without_borders
from tasks.towards.parts import Mention, own_part, parts_of


def parts(text: str, *names: str) -> dict[str, str]:
    """The part of each name, its spans joined by |."""
    mentions = [
        Mention(name, start, start + len(name)) for name in names for start in range(len(text)) if text.startswith(name, start)
    ]
    return {name: "|".join(text[a:b].strip() for a, b in spans) for name, spans in parts_of(text, mentions).items()}


@pytest.mark.parametrize(
    ("text", "first", "second"),
    [
        ("A rose, but B fell.", "A rose,", "but B fell."),
        ("A rose 1,200 points, B fell", "A rose 1,200 points,", "B fell"),
        ("A rose, cut debt, and hired, while B, hit by 2.5% tariffs, fell", "A rose, cut debt, and hired,", None),
        ("A rose. Sales were 3.1 mn. Demand is weak, so B fell.", "A rose. Sales were 3.1 mn.", "Demand is weak, so B fell."),
        ("A, said Acme Inc. on Monday, rose; B fell", "A, said Acme Inc. on Monday, rose;", "B fell"),
        ("Despite losses A rose even as shares in B fell", "Despite losses A rose", "even as shares in B fell"),
        ("A rose B fell", "A rose", "B fell"),
        ("A和昨日大涨，而B却跌停", "A和昨日大涨，", "而B却跌停"),
        ("A净利增1.5倍；B预亏", "A净利增1.5倍；", "B预亏"),
        ("尽管A亏损，B盈利", "尽管A亏损，", "B盈利"),
        ("A大涨。市场低迷，B大跌", "A大涨。", "市场低迷，B大跌"),
    ],
)
def test_the_strongest_border_parts_two_names(text: str, first: str, second: str | None) -> None:
    assert parts(text, "A", "B") == {"A": first, "B": text[len(first) :].strip() if second is None else second}


@pytest.mark.parametrize("text", ["Profits of A and B rose", "A与B双双中标", "A, B fell", "A / B: merger off", "A、B股价下跌"])
def test_names_with_nothing_but_and_between_them_share_a_part(text: str) -> None:
    assert parts(text, "A", "B") == {"A": text, "B": text}


def test_a_name_that_comes_back_has_both_of_its_parts() -> None:
    assert parts("A rose, but B fell, while A hired.", "A", "B") == {"A": "A rose,|while A hired.", "B": "but B fell,"}


def test_a_name_within_another_shares_its_part() -> None:
    mentions = [Mention("Royal Dutch Shell", 0, 17), Mention("Shell", 12, 17)]
    assert parts_of("Royal Dutch Shell fell", mentions) == {"Royal Dutch Shell": [(0, 22)], "Shell": [(0, 22)]}


@given(st.text(alphabet="AB ,.;而但。，x1", max_size=40), st.data())
def test_each_character_is_in_the_part_of_some_name(text: str, data: st.DataObject) -> None:
    mentions = [Mention(letter, at, at + 1) for at, letter in enumerate(text) if letter in "AB"]
    found = parts_of(text, data.draw(st.permutations(mentions)))
    assert set(found) == {mention.name for mention in mentions}
    covered = {at for spans in found.values() for start, end in spans for at in range(start, end)}
    assert covered == (set(range(len(text))) if mentions else set())
    for mention in mentions:
        assert any(start <= mention.start < end for start, end in found[mention.name])


def test_the_test_material_is_what_its_page_says() -> None:
    made, written = joined(), natural()
    assert len(made) == 300
    assert all({case.first_label, case.second_label} == {"positive", "negative"} for case in made)
    assert len({case.group for case in made if case.language == "en"}) == 10
    assert len(written) == 100
    assert sum(case.language == "zh" for case in written) == 30
    assert sum(case.group == "one clause" for case in written) == 30
    assert all(case.first in case.text and case.second in case.text for case in (*made, *written))


def own(text: str) -> str:
    """What a text says of its only name A, its spans joined by |."""
    mention = Mention("A", text.index("A"), text.index("A") + 1)
    return "|".join(text[start:end].strip() for start, end in own_part(text, [mention]))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A rose, but Ostby fell", "A rose,"),
        ("Shares in Ostby fell, while A rose", "while A rose"),
        ("Ostby fell, while A rose", None),
        ("Shares in A rose again. The rival Ostby fell sharply.", "Shares in A rose again."),
        ("Shares in A rose. Sales were up.", None),  # a capital that begins a sentence says nothing
        ("Shares in A rose, but sales fell in May", None),
        ("Shares in A rose, though EUR 3 mn were lost on Monday", None),
        ("A Rises While Rival Falls In Trading", None),  # title case
        ("A大涨，而另一家公司跌停", None),
    ],
)
def test_beyond_a_connector_a_capital_is_another_company(text: str, expected: str | None) -> None:
    assert own(text) == (text if expected is None else expected)


def test_what_cuts_a_part_off_belongs_to_neither_side() -> None:
    assert without_borders(", but A rose,") == "A rose"
    assert without_borders("，而A大涨。") == "A大涨"
    assert without_borders("Butter of A") == "Butter of A"
