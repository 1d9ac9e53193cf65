"""README.zh-CN.md says what README.md says: commands, tables, figures, links and names are compared section by section."""

import re
from collections import Counter

import pytest

from flows.commands.readme import CHINESE, README, fill

GENERATED = re.compile(r"<!-- (\w+) -->\n(.*?)<!-- /\1 -->\n", re.DOTALL)
FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
PAIR = [path.read_text(encoding="utf-8") for path in (README, CHINESE)]


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


def test_it_has_the_same_sections() -> None:
    english, chinese = ([re.match("#+", title).group() for title in titles(text)] for text in PAIR)
    assert english == chinese, f"{titles(PAIR[0])}\n{titles(PAIR[1])}"


def test_it_has_the_same_commands_in_the_same_order() -> None:
    english, chinese = map(commands, PAIR)
    assert chinese == english


def test_its_generated_tables_are_current_and_translated() -> None:
    assert fill(PAIR[1], translated=True) == PAIR[1], "run: python -m flows.commands.readme, then translate the rows it adds"
    rows = [row for _, table in GENERATED.findall(PAIR[1]) for row in table.splitlines()[2:]]
    english = [row.split("|")[1].strip() for row in rows if not re.search(r"[\u4e00-\u9fff]", row.rsplit("|", 2)[1])]
    assert not english, f"translate the last cell of {english}"


def test_a_generated_row_names_the_same_things() -> None:
    """A description that was changed in English shows by its files, flags and figures."""
    named = re.compile(r"--[\w.-]+|\w+\.(?:txt|csv|md|tar\.gz)|`[^`]+`|\d[\d,.]*\d")
    english, chinese = ([row for _, table in GENERATED.findall(text) for row in table.splitlines()] for text in PAIR)
    pairs = [(*(row.rsplit("|", 2)[1] for row in pair), pair[0].split("|")[1]) for pair in zip(english, chinese, strict=True)]
    faults = [f"{name.strip()}: {fault}" for here, there, name in pairs for fault in compare("name", here, there, named)]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("number", range(len(sections(PAIR[0]))), ids=[title.strip("# ") for title in titles(PAIR[0])])
def test_a_section_names_the_same_things(number: int) -> None:
    english, chinese = (sections(text)[number] for text in PAIR)
    faults = compare("code", english, chinese, re.compile(r"`[^`]+`"))
    faults += compare("link", english, chinese, re.compile(r"\]\((?!README)([^)]+)\)"))
    faults += compare("figure", english, chinese, re.compile(r"(?<![\w.])\d+\.\d+|\d{1,3}(?:,\d{3})+|\d{3,}"))
    tables = [[row.count("|") for row in text.splitlines() if row.startswith("|")] for text in (english, chinese)]
    faults += [f"rows and columns of tables: {tables[0]} became {tables[1]}"] * (tables[0] != tables[1])
    assert not faults, "\n".join(faults)


def test_every_file_it_links_to_exists() -> None:
    for name in re.findall(r"\]\(([^)#:]+)\)", PAIR[1]):
        assert (CHINESE.parent / name).exists(), name
