"""The campaign: run in a process of its own, with groups of small commands."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from benchmarks.measure import descendants
from benchmarks.render import render
from benchmarks.results import FAILED, MEASURED, NOT_MEASURED, Cost, Result, Results, code, commit
from benchmarks.rows import Group, Row, command_words, figure, missing

pytestmark = pytest.mark.long

CHECKOUT = Path(__file__).parents[2]

RUNNER = """
import sys
from pathlib import Path
from benchmarks.campaign import Campaign
from benchmarks.results import Results
from benchmarks.rows import Group, Row
rows = ({rows})
results = Results.read(Path(sys.argv[1]), quick=False)
Campaign(results, Path(sys.argv[2])).run([Group("g", "Title", "About.", rows)], {options})
"""


@pytest.fixture
def campaign(tmp_path: Path) -> Callable[..., Any]:
    """Measure rows given as source; return the written rows by name."""

    def run(*rows: Any, options: str = "", check: bool = True) -> Any:
        source = RUNNER.format(rows=", ".join(rows) + ",", options=options)
        path = tmp_path / "results.json"
        done = subprocess.run(
            [sys.executable, "-c", source, path, tmp_path], cwd=CHECKOUT, capture_output=True, text=True, check=False
        )
        assert not check or not done.returncode, done.stderr
        if not check:
            return done
        return {row.name: row for row in Results.read(path, quick=False).rows}

    return run


def row(name: str, script: str, figures: str = "()", setup: str = "()") -> str:
    command = f"python -c {json.dumps(script)}"
    return f"Row({name!r}, {command!r}, {figures}, {setup})"


def test_figures_of_the_last_line(campaign: Callable[..., Any]) -> None:
    # Memory is sampled every 50 ms: what is shorter may have none.
    script = 'import time; time.sleep(0.5); print(\'noise\'); print(\'{\\"a\\": {\\"b\\": 2}, \\"c\\": 1}\')'
    found = campaign(row("r", script, "('a.b', 'absent')"))["r"]
    assert found.status == MEASURED
    assert found.figures == {"a.b": 2}
    assert found.seconds > 0
    assert found.runs[0].peak_mb > 1
    assert found.runs[0].others >= 0


def test_failures_are_told_and_the_campaign_goes_on(campaign: Callable[..., Any]) -> None:
    rows = campaign(
        row("fails", "raise SystemExit('no such thing')"),
        row("mute", "pass"),
        row("declines", 'print(\'{\\"not_measured\\": \\"not installed\\"}\')'),
        row("setup fails", "print('{}')", setup="('python -c \"raise SystemExit(3)\"',)"),
        row("works", "print('{}')"),
    )
    assert [rows[name].status for name in ("fails", "mute", "declines", "setup fails", "works")] == [
        *(FAILED, FAILED, NOT_MEASURED, FAILED, MEASURED),
    ]
    assert "no such thing" in rows["fails"].why
    assert rows["declines"].why == "not installed"
    assert "ended with 3" in rows["setup fails"].why


def test_a_name_that_is_nobodys_ends_the_campaign_before_it_starts(campaign: Callable[..., Any]) -> None:
    campaign(row("r", "print('{}')"))
    done = campaign(row("r", "print('{}')"), options="only=['g', 'g/absent']", check=False)
    assert done.returncode
    assert "--only 'g/absent' names no group or row; the groups are g" in done.stderr
    assert "..." not in done.stderr


def test_the_commit_that_was_measured(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        subprocess.run(["git", "-c", "user.name=n", "-c", "user.email=e@e", *words], cwd=tmp_path, check=True)

    assert commit(tmp_path) == ""
    git("init", "-q")
    (tmp_path / "benchmarks").mkdir()
    for name in ("code.py", "benchmarks/results.json"):
        (tmp_path / name).write_text("1")
    git("add", ".")
    git("commit", "-q", "-m", "first")
    clean = commit(tmp_path)
    assert len(clean) >= 7
    (tmp_path / "benchmarks/results.json").write_text("2")
    assert commit(tmp_path) == clean
    (tmp_path / "code.py").write_text("2")
    assert commit(tmp_path) == clean + "+"


def test_missing_data_is_not_measured(campaign: Callable[..., Any]) -> None:
    found = campaign("Row('r', 'python -c pass $DATA/absent.csv')")["r"]
    assert found.status == NOT_MEASURED
    assert "$DATA/absent.csv" in found.why


def test_own_folder_is_empty_and_setup_runs_once(campaign: Callable[..., Any]) -> None:
    setup = "('python -m benchmarks.subset lines pyproject.toml $GROUP/made --each 3',)"
    script = (
        "import os, sys; own, made = len(os.listdir(sys.argv[1])), os.stat(sys.argv[2]).st_ino; "
        'print(\'{"own": %d, "made": %d}\' % (own, made))'
    )
    command = f"python -c {json.dumps(script)} $OWN $GROUP/made"
    rows = campaign(*(f"Row({name!r}, {command!r}, ('own', 'made'), {setup})" for name in "ab"))
    assert rows["a"].figures == rows["b"].figures
    assert rows["a"].figures["own"] == 0


def test_interrupted_campaign_resumes(campaign: Callable[..., Any], tmp_path: Path) -> None:
    once = "import sys; f = open(sys.argv[1], 'a'); f.write('x'); print('{}')"
    command = f"python -c {json.dumps(once)} {tmp_path / 'count'}"
    kept, stops = f"Row('kept', {command!r})", "Row('stops', None)"  # what no campaign survives
    assert campaign(kept, stops, check=False).returncode
    assert not Results.read(tmp_path / "results.json", quick=False).finished
    rows = campaign(kept, row("stops", "print('{}')"), options="resume=True")
    assert (tmp_path / "count").read_text() == "x"
    assert {name: found.status for name, found in rows.items()} == {"kept": MEASURED, "stops": MEASURED}
    assert campaign(kept, options="resume=True", check=False).returncode == 1  # nothing to resume any more


def test_only_keeps_the_other_rows(campaign: Callable[..., Any]) -> None:
    campaign(row("a", "print('{\\\"n\\\": 1}')", "('n',)"), row("b", "print('{\\\"n\\\": 1}')", "('n',)"))
    again = (row("a", "print('{\\\"n\\\": 2}')", "('n',)"), row("b", "print('{\\\"n\\\": 2}')", "('n',)"))
    rows = campaign(*again, options="only=['g/b']")
    assert (rows["a"].figures["n"], rows["b"].figures["n"]) == (1, 2)


def test_a_few_rows_do_not_finish_an_interrupted_campaign(campaign: Callable[..., Any], tmp_path: Path) -> None:
    works = row("works", "print('{}')")
    assert campaign(works, "Row('stops', None)", check=False).returncode
    campaign(works, options="only=['g/works']")
    assert not Results.read(tmp_path / "results.json", quick=False).finished
    campaign(works, options="resume=True")
    assert Results.read(tmp_path / "results.json", quick=False).finished


def counting(path: Path) -> str:
    return f"python -c {json.dumps(f'open({str(path)!r}, chr(97)).write(chr(120)); print(chr(123) + chr(125))')}"


@pytest.mark.parametrize("differs", ["code", "machine"])
def test_a_group_of_other_code_or_another_machine_is_measured_anew(
    campaign: Callable[..., Any], tmp_path: Path, differs: str
) -> None:
    kept, stops = f"Row('kept', {counting(tmp_path / 'count')!r})", "Row('stops', None)"
    assert campaign(kept, stops, check=False).returncode
    results = Results.read(tmp_path / "results.json", quick=False)
    results.rows = [Result(**{**vars(found), differs: "another"}) for found in results.rows]
    results.machines["another"] = dict(next(iter(results.machines.values())))
    results.write()
    rows = campaign(kept, row("stops", "print('{}')"), options="resume=True")
    assert (tmp_path / "count").read_text() == "xx"
    assert len({getattr(found, differs) for found in rows.values()} - {"another"}) == 1
    assert "another" not in Results.read(tmp_path / "results.json", quick=False).machines


def test_a_whole_group_of_another_machine_is_kept(campaign: Callable[..., Any], tmp_path: Path) -> None:
    kept = f"Row('kept', {counting(tmp_path / 'count')!r})"
    campaign(kept)
    results = Results.read(tmp_path / "results.json", quick=False)
    results.rows = [replace(found, machine="another") for found in results.rows]
    results.machines["another"], results.finished = dict(next(iter(results.machines.values()))), False
    results.write()
    assert campaign(kept, options="resume=True")["kept"].machine == "another"
    assert (tmp_path / "count").read_text() == "x"


def test_rows_of_several_runs_take_turns_and_go_on(campaign: Callable[..., Any], tmp_path: Path) -> None:
    def said(letter: str) -> str:
        script = f"open({str(tmp_path / 'order')!r}, 'a').write({letter!r}); print('{{}}')"
        return f"Row({letter!r}, {f'python -c {json.dumps(script)}'!r}, runs=2)"

    rows = campaign(said("a"), said("b"))
    assert (tmp_path / "order").read_text() == "abab"
    assert [len(rows[name].runs) for name in "ab"] == [2, 2]
    results = Results.read(tmp_path / "results.json", quick=False)
    results.rows = [replace(found, runs=found.runs[:1]) if found.name == "b" else found for found in results.rows]
    results.finished = False
    results.write()
    assert len(campaign(said("a"), said("b"), options="resume=True")["b"].runs) == 2
    assert (tmp_path / "order").read_text() == "ababb"


def test_a_page_of_the_documents_changes_no_code(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        subprocess.run(["git", "-c", "user.name=n", "-c", "user.email=e@e", *words], cwd=tmp_path, check=True)

    assert code(tmp_path) == ""
    git("init", "-q")
    for name in ("docs", "benchmarks"):
        (tmp_path / name).mkdir()
    for name in ("code.py", "README.md", "docs/PAGE.md", "benchmarks/results.json"):
        (tmp_path / name).write_text("1")
    git("add", ".")
    git("commit", "-q", "-m", "first")
    first, clean = code(tmp_path), commit(tmp_path)
    for name in ("README.md", "docs/PAGE.md", "benchmarks/results.json"):
        (tmp_path / name).write_text("2")
    assert (code(tmp_path), commit(tmp_path)) == (first, clean)
    git("commit", "-q", "-a", "-m", "pages")
    assert code(tmp_path) == first
    (tmp_path / "code.py").write_text("2")
    assert code(tmp_path) != first


def test_variables_stand_at_the_beginning_of_a_word(tmp_path: Path) -> None:
    places = {"DATA": tmp_path, "WEIGHTS": tmp_path / "w", "OWN": tmp_path / "own", "GROUP": tmp_path / "group"}
    words = command_words("run '$DATA/a b' $OWN x$OWN $OWNED --text 'a $DATA'", places)
    assert words == ["run", f"{tmp_path}/a b", f"{tmp_path}/own", "x$OWN", "$OWNED", "--text", "a $DATA"]


def test_missing_preset_is_named(tmp_path: Path) -> None:
    assert missing(Row("r", "textmill train --preset imdb"), tmp_path) is None
    encoder = Row("r", "textmill train --finetune.encoder.model $WEIGHTS")
    assert "WEIGHTS=FOLDER" in (missing(encoder, tmp_path) or "")
    assert missing(encoder, tmp_path, tmp_path) is None
    assert "nonesuch" in (missing(Row("r", "textmill train --preset nonesuch"), tmp_path) or "")


def test_figure_of_nested_objects() -> None:
    assert figure({"a": {"b": 1}}, "a.b") == 1
    assert figure({"a": 1}, "a.b") is None


def test_page_has_ratios_commands_and_reasons(tmp_path: Path) -> None:
    results = Results(
        tmp_path / "results.json",
        False,
        {"m": {"cores": 2, "processor": "p", "memory_gb": 4, "system": "s", "python": "3", "libraries": {}}},
    )
    slow, quick, quicker = (Cost(seconds, seconds - 1, 5.0, 6.0, 0.25, "2026-12-01 10:00 UTC") for seconds in (10.0, 5.0, 4.0))
    by = {"commit": "abc", "code": "c", "machine": "m"}
    rows = (
        Row("base", "python base", ("accuracy",)),
        Row("ours", "python ours", ("accuracy", "interval")),
        Row("none", "python none"),
    )
    results.rows = [
        Result("g", "base", "python base", MEASURED, "", (slow,), {"accuracy": 0.5}, **by),
        Result("g", "ours", "python ours", MEASURED, "", (quick, quicker), {"accuracy": 0.75, "interval": [0.7, 0.8]}, **by),
        Result("g", "none", "python none", NOT_MEASURED, "a | b"),
    ]
    page = render(results, [Group("g", "Title", "About.", rows, base=("base",))], "## Notes")
    spread = "4.50 (4.00 to 5.00) | 3.50 (3.00 to 4.00) | 5.00 (5.00 to 5.00) | 6.00 (6.00 to 6.00) | 0.2500 (0.2500 to 0.2500)"
    assert f"| ours | 0.7500 | [0.7000, 0.8000] | {spread} | 0.450 |" in page
    assert "2026-12-01 10:00 UTC to 2026-12-01 10:00 UTC, Machine A, commit abc." in page
    assert "cannot be compared" not in page
    assert "| none | not measured: a / b |" in page
    assert "python ours" in page
    assert str(tmp_path) not in page
    assert page.endswith("## Notes\n")
    results.rows[1] = replace(results.rows[1], code="d")
    assert "cannot be compared" in render(results, [Group("g", "Title", "About.", rows, base=("base",))])


def test_an_ended_campaign_takes_its_command_along(tmp_path: Path) -> None:
    words = ["--only", "optimizer/250,000 words", "--results", str(tmp_path / "results.json")]
    campaign = subprocess.Popen([sys.executable, "-m", "benchmarks", *words], cwd=CHECKOUT, stderr=subprocess.DEVNULL)
    tree: list[int] = []
    while not any(b"benchmarks.micro.optimizer" in Path(f"/proc/{pid}/cmdline").read_bytes() for pid in tree[1:]):
        assert campaign.poll() is None
        time.sleep(0.2)
        tree = descendants(campaign.pid)
    rests = 0
    while rests < 5:  # looks in a row: it is back from starting the command
        time.sleep(0.1)
        rests = rests + 1 if psutil.Process(campaign.pid).status() == psutil.STATUS_SLEEPING else 0
    campaign.terminate()
    assert campaign.wait() == 143
    assert not any(Path(f"/proc/{pid}").exists() for pid in tree)
