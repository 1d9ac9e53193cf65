"""docs/MESSAGES.zh-CN.md quotes what the program says: each command is run and its last line is compared."""

import random
import re
import shlex
from pathlib import Path

import pytest

from tasks.checkout import CHECKOUT
from tests.command_line import run_here
from tests.writers import write_zip

PAGE = CHECKOUT / "docs/MESSAGES.zh-CN.md"
QUOTED = re.findall(r"(?m)^```\n\$ textmill (.+)\n(.+)\n```$", PAGE.read_text(encoding="utf-8"))
REQUEST_WAS_WRONG = 2


@pytest.fixture
def beginners_folder(tmp_path: Path) -> Path:
    """The files that the commands name."""
    rows = [(f"{text}{number}", label) for number in range(20) for text, label in (("好用", "正面"), ("很差", "负面"))]
    table = "".join(f"{text},{label}\n" for text, label in rows)
    (tmp_path / "评论.csv").write_text(f"内容,标签\n{table}", encoding="gbk")
    (tmp_path / "reviews.csv").write_text(f"review,sentiment\n{table}", encoding="utf-8")
    numbers = random.Random(5)
    scores = "".join(f"headline number {row},{numbers.random():.3f}\n" for row in range(200))
    (tmp_path / "scores.csv").write_text(f"text,label\n{scores}", encoding="utf-8")
    write_zip(tmp_path / "表格.csv", {"[Content_Types].xml": "<Types/>", "xl/workbook.xml": "<workbook/>"})
    return tmp_path


def said(arguments: str, folder: Path) -> tuple[int, str]:
    """Exit code and last line of a command that is run in `folder`, with paths as the page shows them."""
    done = run_here(*shlex.split(arguments), "--runtime.data-root", "data", folder=folder)
    return done.returncode, done.stderr.rstrip("\n").splitlines()[-1].replace(f"{folder}/", "")


def test_there_are_ten() -> None:
    assert len(QUOTED) == 10


@pytest.mark.parametrize(("arguments", "message"), QUOTED, ids=[arguments.split(" --")[-1] for arguments, _ in QUOTED])
def test_a_message_is_still_the_programs(arguments: str, message: str, beginners_folder: Path) -> None:
    assert said(arguments, beginners_folder) == (REQUEST_WAS_WRONG, message)
