"""The pages cannot rot: generated parts are compared, links and sizes are checked. Their commands: tests/docs/."""

import re
from pathlib import Path

import pytest

from flows.commands.readme import CHINESE, KNOBS, README, fill, knob_page
from tasks.checkout import CHECKOUT

LARGEST = 12_000  # bytes of a README: a page that is read to its end
LINK = re.compile(r"\]\(([^)#: ]+)(#[^)]*)?\)")
FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)


def pages() -> list[Path]:
    """Every page that a reader may open, in both languages."""
    folders = ("", "docs", "data", "data/sample", "data/sample-zh", "data/service-zh", "mlflow", "benchmarks")
    return sorted(page for folder in folders for page in (CHECKOUT / folder).glob("*.md"))


def test_generated_tables_are_current() -> None:
    text = README.read_text(encoding="utf-8")
    assert fill(text) == text, "run: python -m flows.commands.readme"


def test_the_page_of_knobs_is_current() -> None:
    assert KNOBS.read_text(encoding="utf-8") == knob_page(), "run: python -m flows.commands.readme"


@pytest.mark.parametrize("readme", [README, CHINESE], ids=lambda path: path.name)
def test_a_readme_is_short(readme: Path) -> None:
    assert len(readme.read_bytes()) <= LARGEST, "move the longer half of a section to its page in docs/"


@pytest.mark.parametrize("page", pages(), ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_every_file_that_a_page_links_to_exists(page: Path) -> None:
    text = FENCED.sub("", page.read_text(encoding="utf-8"))
    lost = [name for name, _ in LINK.findall(text) if not (page.parent / name).exists()]
    assert not lost


@pytest.mark.parametrize("readme", [README, CHINESE], ids=lambda path: path.name)
def test_the_index_of_a_readme_names_every_page_of_docs(readme: Path) -> None:
    named = {Path(name).name.replace(".zh-CN", "") for name, _ in LINK.findall(readme.read_text(encoding="utf-8"))}
    there = {page.name.replace(".zh-CN", "") for page in (CHECKOUT / "docs").glob("*.md")}
    assert there <= named
