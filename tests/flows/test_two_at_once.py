"""Two runs started at once on a fresh home: neither Prefect's nor MLflow's first start may race, and the work is shared."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.command_line import train_command
from tests.patience import until

CHECKOUT = Path(__file__).parents[2]
KNOBS = ["--finetune.model", "bag", "--evaluate.yardstick", "false", "--evaluate.bootstrap", "100", "--json"]


def servers(data_root: Path) -> list[str]:
    """Command lines of the servers that still run for this data root."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if "flows.servers.server" in line and str(data_root) in line:
            found.append(line)
    return found


@pytest.mark.long
def test_both_succeed_share_the_work_and_leave_nothing_behind(corpus: Path, tmp_path: Path) -> None:
    command = train_command(corpus, tmp_path)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    # A home without a profile, so that a server the developer uses is left alone.
    environment["HOME"] = str(tmp_path)
    running = [
        subprocess.Popen(
            [*command, *KNOBS], cwd=CHECKOUT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    said = [process.communicate() for process in running]
    assert [process.returncode for process in running] == [0, 0], said
    one, two = (json.loads(out) for out, _ in said)
    assert one["accuracy"] == two["accuracy"]
    assert (one["model"]["version"], two["model"]["version"]) == (1, 1)
    assert sorted([one["decision"], two["decision"]]) == ["first", "unchanged"]
    for step in ("ingest", "prepare", "finetune", "evaluate", "package"):
        assert sorted([one["stages"][step]["cached"], two["stages"][step]["cached"]]) == [False, True], step
    until(lambda: not servers(tmp_path), "the server to leave")
