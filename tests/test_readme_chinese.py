"""Each Chinese page says what its English page says: commands, tables, figures, links and names, section by section."""

import re
from collections import Counter
from pathlib import Path

import pytest

from flows.commands.readme import CHINESE, CHINESE_KNOBS, KNOBS, README, fill
from tasks.checkout import CHECKOUT

GENERATED = re.compile(r"<!-- (\w+) -->\n(.*?)<!-- /\1 -->\n", re.DOTALL)
FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
IN_CHINESE = re.compile(r"[\u4e00-\u9fff]")
CHINESE_ONLY = {"MESSAGES.zh-CN.md"}  # explains messages to those who read them in Chinese


def english(page: Path) -> Path:
    """The page that a Chinese one is a translation of."""
    return page.with_name(page.name.replace(".zh-CN", ""))


PAGES = [CHINESE, *sorted(page for page in (CHECKOUT / "docs").glob("*.zh-CN.md") if page.name not in CHINESE_ONLY)]
BOTH = {page: (english(page).read_text(encoding="utf-8"), page.read_text(encoding="utf-8")) for page in PAGES}
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name.removesuffix(".zh-CN.md"))


def sections(text: str) -> list[str]:
    """The parts between headings, without the generated tables; `#` in a fenced block begins no heading."""
    prose = FENCED.sub(lambda block: block.group().replace("\n#", "\n "), GENERATED.sub("", text))
    return [part for part in re.split(r"(?m)^(?=#{1,6} )", prose) if part.strip()]


def titles(text: str) -> list[str]:
    return [section.splitlines()[0] for section in sections(text)]


def commands(text: str) -> list[str]:
    """The lines of the fenced blocks without their comments, which are translated; of the one about folders, names alone."""
    lines = []
    for block in FENCED.findall(text):
        if "\ntasks/ " in block:
            lines += sorted(re.findall(r"[\w/]+(?:/|\.(?:py|md|png|yaml)\b)", block))
        else:
            bare = (re.sub(r"\s+#.*|^# (?!\w+\.toml$).*", "", line).rstrip() for line in block.splitlines())
            lines += filter(None, bare)
    return lines


def compare(kind: str, english: str, chinese: str, found: "re.Pattern[str]") -> list[str]:
    """What of `kind` one of two sections has more of than the other."""
    here, there = (Counter(found.findall(FENCED.sub("", text))) for text in (english, chinese))
    missing, extra = sorted((here - there).elements()), sorted((there - here).elements())
    return [f"{kind} missing: {missing}"] * bool(missing) + [f"{kind} only in the translation: {extra}"] * bool(extra)


def without_language(text: str) -> str:
    """The text with its link to the other language left out, and links to translated pages as those to the English ones."""
    return re.sub(r"(?m)^\[(?:English|简体中文)\]\(.*$", "", text).replace(".zh-CN.md)", ".md)")


@each_page
def test_it_has_the_same_sections(page: Path) -> None:
    here, there = ([re.match("#+", title).group() for title in titles(text)] for text in BOTH[page])
    assert here == there, f"{titles(BOTH[page][0])}\n{titles(BOTH[page][1])}"


@each_page
def test_it_has_the_same_commands_in_the_same_order(page: Path) -> None:
    here, there = map(commands, BOTH[page])
    assert there == here


@each_page
def test_both_pages_link_to_each_other(page: Path) -> None:
    here, there = BOTH[page]
    assert f"[简体中文]({page.name})" in here
    assert f"[English]({english(page).name})" in there


@pytest.mark.parametrize("page", [CHINESE, CHINESE_KNOBS], ids=lambda page: page.name)
def test_its_generated_tables_are_current_and_translated(page: Path) -> None:
    text = BOTH[page][1]
    assert fill(text, translated=True) == text, "run: python -m flows.commands.readme, then translate the rows it adds"
    lines = [line for _, table in GENERATED.findall(text) for line in table.splitlines() if line and line[0] not in "#"]
    cells = [line.rsplit("|", 2)[1] if line.startswith("|") else line for line in lines if not line.startswith("|---")]
    left = [cell for cell in cells if not IN_CHINESE.search(cell)]
    assert not left, f"translate {left}"


@pytest.mark.parametrize("page", [CHINESE, CHINESE_KNOBS], ids=lambda page: page.name)
def test_a_generated_row_names_the_same_things(page: Path) -> None:
    """A description that was changed in English shows by its files, flags and figures."""
    named = re.compile(r"--[\w.-]+|\w+\.(?:txt|csv|md|tar\.gz)|`[^`]+`|\d[\d,.]*\d")
    here, there = (
        [row for _, table in GENERATED.findall(text) for row in table.splitlines() if row.startswith("| `")]
        for text in BOTH[page]
    )
    pairs = [(*(row.rsplit("|", 2)[1] for row in pair), pair[0].split("|")[1]) for pair in zip(here, there, strict=True)]
    faults = [f"{name.strip()}: {fault}" for old, new, name in pairs for fault in compare("name", old, new, named)]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    ("page", "number"),
    [
        pytest.param(page, number, id=f"{page.name}-{number}")
        for page in PAGES
        for number in range(len(sections(BOTH[page][0])))
    ],
)
def test_a_section_names_the_same_things(page: Path, number: int) -> None:
    here, there = (sections(without_language(text))[number] for text in BOTH[page])
    faults = compare("code", here, there, re.compile(r"`[^`]+`"))
    faults += compare("link", here, there, re.compile(r"\]\(([^)]+)\)"))
    faults += compare("figure", here, there, re.compile(r"(?<![\w.])\d+\.\d+|\d{1,3}(?:,\d{3})+|\d{3,}"))
    tables = [[row.count("|") for row in text.splitlines() if row.startswith("|")] for text in (here, there)]
    faults += [f"rows and columns of tables: {tables[0]} became {tables[1]}"] * (tables[0] != tables[1])
    assert not faults, "\n".join(faults)


def test_the_generated_pages_are_among_them() -> None:
    assert {CHINESE, CHINESE_KNOBS} <= set(PAGES)
    assert (english(CHINESE), english(CHINESE_KNOBS)) == (README, KNOBS)
