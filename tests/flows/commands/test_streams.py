"""The command in any terminal, locale and pipe: no trace, the right exit code, and nothing printed where it does not belong."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tasks.checkout import CHECKOUT

if TYPE_CHECKING:
    from pathlib import Path

TEXTMILL = f"{sys.executable} -m flows.commands"
BARE = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}


def sh(command: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run a line of bash; `textmill` in it is the command."""
    line = command.replace("textmill ", f"{TEXTMILL} ")
    given = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")} | environment
    return subprocess.run(["bash", "-c", line], cwd=CHECKOUT, env=given, capture_output=True)


@pytest.mark.parametrize("verb", ["train --help", "refresh --help", "--help", "deploy --help", "--version"])
def test_a_reader_that_has_seen_enough_is_no_failure(verb: str) -> None:
    said = sh(f"textmill {verb} | true; echo ${{PIPESTATUS[0]}}")
    assert (said.stdout, said.stderr) == (b"0\n", b"")


def test_what_goes_wrong_is_told_by_the_exit_code_whoever_reads() -> None:
    said = sh("textmill train --ingest.path absent.csv 2>&1 | true; echo ${PIPESTATUS[0]}")
    assert (said.stdout, said.stderr) == (b"2\n", b"")


def test_a_full_disk_behind_stdout_is_told() -> None:
    said = sh("textmill train --help > /dev/full")
    assert (said.returncode, said.stderr.count(b"\n")) == (1, 1)
    assert b"No space left on device" in said.stderr
    assert sh("textmill --version > /dev/full").returncode == 1


def test_closed_streams_take_nothing_along_and_give_their_numbers_to_no_file(tmp_path: Path) -> None:
    assert sh("textmill train --help >&-").returncode == 0
    said = sh(f"textmill predict --runtime.data-root {tmp_path} <&-")
    assert (said.returncode, said.stderr) == (2, b'textmill: no text given; try textmill predict "Sales rose sharply"\n')
    said = sh("textmill train --ingest.path absent.csv 2>&-")
    assert (said.returncode, said.stdout) == (2, b"")
    opened = "import os, sys; from flows.commands import streams; streams.prepare(); "
    opened += "open(sys.argv[1], 'w').write(str(os.open('/', 0)))"
    sh(f'{sys.executable} -c "{opened}" {tmp_path / "number"} <&- >&- 2>&-')
    assert int((tmp_path / "number").read_text()) > 2


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"TERM": "dumb", "NO_COLOR": "1", "COLUMNS": "40"},
    ],
    ids=["C", "ascii", "bare C", "dumb and narrow"],
)
def test_names_in_chinese_are_understood_in_any_locale(tmp_path: Path, environment: dict[str, str]) -> None:
    said = subprocess.run(
        [sys.executable, "-m", "flows.commands", "train", "--ingest.path", str(tmp_path / "没有.csv")],
        cwd=CHECKOUT,
        env=BARE | environment,  # no HOME either
        capture_output=True,
    )
    assert (said.returncode, said.stdout, said.stderr.count(b"\n")) == (2, b"", 1), said.stderr
    name = "没有" if environment.get("PYTHONIOENCODING") != "ascii" else r"\u6ca1\u6709"
    assert f"{name}.csv: No such file".encode() in said.stderr


@pytest.mark.parametrize("encoding", ["ascii", "gbk", "latin-1", "utf-8"])
def test_help_is_printed_in_any_encoding(encoding: str) -> None:
    for verb in ("train", "deploy"):
        said = sh(f"textmill {verb} --help", PYTHONIOENCODING=encoding, COLUMNS="40", TERM="dumb")
        assert (said.returncode, said.stderr) == (0, b"")
        assert "--" in said.stdout.decode(encoding)


def test_a_user_without_a_home_is_served(tmp_path: Path) -> None:
    """As in a container that runs under a number that /etc/passwd does not have."""
    (tmp_path / "sitecustomize.py").write_text("import pwd\ndef nobody(uid):\n    raise KeyError(uid)\npwd.getpwuid = nobody\n")
    said = subprocess.run(
        [
            sys.executable,
            "-m",
            "flows.commands",
            "deploy",
            "--train-preset",
            "sample",
            "--runtime.data-root",
            str(tmp_path / "root"),
        ],
        cwd=CHECKOUT,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(tmp_path)},
        capture_output=True,
    )
    assert (said.returncode, said.stderr.count(b"\n")) == (2, 1), said.stderr
    assert b"no Prefect server runs that could keep a schedule" in said.stderr
