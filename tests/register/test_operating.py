"""The commands of docs/OPERATING.md, as they are written there: a backup is restored elsewhere, once its original is gone."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.tracking.tracker import Tracker

CHECKOUT = Path(__file__).parents[2]
PAGE = (CHECKOUT / "docs" / "OPERATING.md").read_text(encoding="utf-8")


def commands(title: str) -> list[str]:
    """The first block below a heading, without what starts and stops servers."""
    section = PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]
    (block, *_) = re.findall(r"```\n(.*?)```", section, flags=re.DOTALL)
    return [line for line in block.splitlines() if not line.startswith(("textmill up", "textmill down"))]


def typed(lines: list[str], here: Path, places: dict[str, Path]) -> str:
    """Type the lines into a shell; what they printed."""
    script = "\n".join(lines)
    for name, place in places.items():
        script = re.sub(rf"\b{name}\b", shlex.quote(str(place)).replace("\\", r"\\"), script)
    script = re.sub(r"^textmill", f"{shlex.quote(sys.executable)} -m flows.commands", script, flags=re.MULTILINE)
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    shell = ["/bin/sh", "-e", "-c", script]
    done = subprocess.run(shell, cwd=here, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("title", ["Back up", "Restore, copy, move, rename", "Upgrade"])
def test_the_page_has_commands(title: str) -> None:
    assert commands(title)


@pytest.mark.long
def test_a_backup_is_restored_elsewhere_by_the_commands_of_the_page(
    tracker: Tracker, enrol: Callable[..., Any], trained: Any, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert enrol(trained).decision == "first"
    shutil.rmtree(tmp_path / "store")  # what the fixture keeps there has no manifest of a step
    here = tmp_path_factory.mktemp("desk")
    places = {"ROOT": tmp_path, "NEW": here / "a new 数据 place #1"}
    typed(commands("Back up"), here, places)
    gone = tmp_path.rename(tmp_path.with_name(f"{tmp_path.name} gone"))
    try:
        said = typed(commands("Restore, copy, move, rename"), here, places)
    finally:
        gone.rename(tmp_path)  # the fixtures tidy up there
    assert "ok    films/1" in said
    assert "films/1 load" in said
    assert "positive" in said.splitlines()[-1]
