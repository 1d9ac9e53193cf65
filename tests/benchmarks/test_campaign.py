"""The campaign: run in a process of its own, with groups of small commands."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from benchmarks.measure import descendants
from benchmarks.render import render
from benchmarks.results import FAILED, MEASURED, NOT_MEASURED, Result, Results, commit
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
    assert found.peak_mb > 1


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


def test_rows_of_two_machines_do_not_share_a_page(campaign: Callable[..., Any], tmp_path: Path) -> None:
    works = row("works", "print('{}')")
    campaign(works)
    results = Results.read(tmp_path / "results.json", quick=False)
    results.machine["processor"] = "another"
    results.write()
    refused = campaign(works, options="only=['g/works']", check=False)
    assert refused.returncode == 1
    assert "another machine" in refused.stderr
    assert campaign(works)["works"].status == MEASURED


def test_variables_stand_at_the_beginning_of_a_word(tmp_path: Path) -> None:
    places = {"DATA": tmp_path, "OWN": tmp_path / "own", "GROUP": tmp_path / "group"}
    words = command_words("run '$DATA/a b' $OWN x$OWN $OWNED --text 'a $DATA'", places)
    assert words == ["run", f"{tmp_path}/a b", f"{tmp_path}/own", "x$OWN", "$OWNED", "--text", "a $DATA"]


def test_missing_preset_is_named(tmp_path: Path) -> None:
    assert missing(Row("r", "textmill train --preset imdb"), tmp_path) is None
    assert "nonesuch" in (missing(Row("r", "textmill train --preset nonesuch"), tmp_path) or "")


def test_figure_of_nested_objects() -> None:
    assert figure({"a": {"b": 1}}, "a.b") == 1
    assert figure({"a": 1}, "a.b") is None


def test_page_has_ratios_commands_and_reasons(tmp_path: Path) -> None:
    results = Results(
        tmp_path / "results.json",
        False,
        {"cores": 2, "processor": "p", "memory_gb": 4, "system": "s", "python": "3", "libraries": {}},
    )
    rows = (
        Row("base", "python base", ("accuracy",)),
        Row("ours", "python ours", ("accuracy", "interval")),
        Row("none", "python none"),
    )
    results.rows = [
        Result("g", "base", "python base", MEASURED, "", 10.0, 9.0, 5.0, 6.0, {"accuracy": 0.5}),
        Result("g", "ours", "python ours", MEASURED, "", 5.0, 4.0, 5.0, 6.0, {"accuracy": 0.75, "interval": [0.7, 0.8]}),
        Result("g", "none", "python none", NOT_MEASURED, "a | b"),
    ]
    page = render(results, [Group("g", "Title", "About.", rows, base=("base",))], "## Notes")
    assert "| ours | 0.7500 | [0.7000, 0.8000] | 5.00 | 4.00 | 5.00 | 6.00 | 0.500 |" in page
    assert "| none | not measured: a / b |" in page
    assert "python ours" in page
    assert str(tmp_path) not in page
    assert page.endswith("## Notes\n")


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
