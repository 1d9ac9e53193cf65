import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.commands.named import _ascii_name
from tasks.names import MAX_BYTES, MAX_CHARS, alike, checked_name, is_name, name_of


@pytest.mark.parametrize(
    "name",
    ["news", "a", "9", "A.b_c-d", "新华", "评论-2024", "Тест", "อังกฤษ", "हिन्दी", "émoi", "x" * 100, "数" * 66, "ᄒ", "²"],
)
def test_letters_marks_and_digits_of_any_script_make_a_name(name: str) -> None:
    assert is_name(unicodedata.normalize("NFC", name))


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "-a",
        "_a",
        "a b",
        "a/b",
        "a:b",
        "a@b",
        "a\n",
        "a\u200b",
        "a\u202eb",
        "x" * 101,
        "数" * 67,
        "📈",
        "\u0301a",
        "\udc80",
        "a\x00",
    ],
)
def test_what_could_not_be_a_folder_or_part_of_an_address_is_not_a_name(name: str) -> None:
    assert not is_name(name)
    with pytest.raises(ValueError, match="letters and digits of any script"):
        checked_name(name)


def test_a_name_has_one_spelling() -> None:
    assert checked_name("cafe\u0301") == "caf\u00e9"
    assert not is_name("cafe\u0301")


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("新华", "新华"),
        ("人民 日报", "人民-日报"),
        ("My inbox", "My-inbox"),
        ("cafe\u0301", "caf\u00e9"),
        ("（一）新闻", "一-新闻"),
        ("\u0301新闻", "新闻"),
        ("Q&A #1", "Q-A-1"),
        ("", None),
        (" ", None),
    ],
)
def test_a_name_comes_from_that_of_its_source(source: str, name: str | None) -> None:
    assert name_of(source, "monitor") == name


def test_what_has_no_letters_or_too_many_is_told_apart_by_a_digest() -> None:
    made = {name_of(source, "monitor") for source in ("📈", "📉", "!!!", "x" * 101, "x" * 102, "数" * 80, "数" * 81)}
    assert len(made) == 7
    assert all(name and is_name(name) for name in made)
    assert name_of("📈", "monitor", room=6) == "monitor-b5ad"


@given(st.text(max_size=150), st.sampled_from([0, 6]))
def test_whatever_a_source_is_called_gives_a_name_or_none(source: str, room: int) -> None:
    name = name_of(source.encode(errors="replace").decode(), "monitor", room=room)
    assert name is None or (is_name(name) and len(name) <= MAX_CHARS - room and len(name.encode()) <= MAX_BYTES - room)


@given(st.text(alphabet=[chr(code) for code in range(32, 127)], max_size=100))
def test_a_name_of_ascii_letters_is_the_one_that_earlier_versions_made(source: str) -> None:
    earlier = _ascii_name(source)
    if earlier:
        assert name_of(source, "textmill") == earlier


@pytest.mark.parametrize(("one", "other"), [("News", "news"), ("STRASSE", "straße"), ("É", "e\u0301"), ("新闻", "新闻")])
def test_names_that_some_disks_take_for_one_are_alike(one: str, other: str) -> None:
    assert alike(one, other)
    assert not alike(one, other + "s")
