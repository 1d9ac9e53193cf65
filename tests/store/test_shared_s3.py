"""The shared store on a real S3 server: conditions, large files, lost answers, outages, killed processes, commands."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from flows.commands.main import main
from tasks.checkout import CHECKOUT
from tasks.errors import RequestError, UnavailableError
from tasks.store.shared import bucket as buckets
from tasks.store.shared.bucket import Bucket
from tasks.store.shared.store import SharedStore
from tests.faults.trained import make_corpus, textmill, train
from tests.s3 import BUCKET, CUT, DROP, KEY_ID, PASS, SECRET, before
from tests.store.hosts import content, make

if TYPE_CHECKING:
    from pathlib import Path

    from tests.s3 import S3

FILES = {"a.bin": b"abc" * 1000, "side/empty": b""}
UNUSABLE = r"^--runtime.store s3://\S+ cannot be used \([a-z ]+\); when it is there again, the same command goes on[^\n]*$"


@pytest.fixture
def client(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of a client of the server."""
    for name, value in s3.environment().items():
        monkeypatch.setenv(name, value)


def host(root: Path, prefix: str, lease: float = 2.0) -> SharedStore:
    return SharedStore(root, Bucket(f"s3://{BUCKET}/{prefix}"), lease_seconds=lease)


@pytest.mark.usefixtures("client")
def test_two_hosts_share_what_one_built_in_pieces(s3: S3, tmp_path: Path) -> None:
    files = FILES | {"large.bin": bytes(range(256)) * (buckets.PIECE // 200)}
    one, two = host(tmp_path / "1", "pieces"), host(tmp_path / "2", "pieces")
    with one.reading():
        made, built = make(one, files)
    assert built
    assert make(two, {"a.bin": b"2"}) == (made, False)
    assert content(two, made) == files
    assert sorted(place.split("/")[1] for place in s3.places("pieces/")) == [*["data"] * 3, "manifests", "runs", "runs"]


@pytest.mark.usefixtures("client")
def test_a_bucket_that_is_not_there_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    absent = Bucket("s3://absent/x")
    for check in (SharedStore(tmp_path, absent, lease_seconds=1).prove, absent.check):
        with pytest.raises(UnavailableError, match="there is no such bucket"):
            check()
    monkeypatch.setattr(buckets, "AGAIN_SECONDS", 0.5)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(UnavailableError, match=UNUSABLE) as refused:
        Bucket("s3://team/x").check()
    assert "connection refused" in str(refused.value)


def test_texts_are_not_sent_in_clear_to_other_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://10.0.0.1:9000")
    with pytest.raises(RequestError, match="AWS_ENDPOINT_URL is http"):
        Bucket("s3://team/x")


@pytest.mark.parametrize("header", ["if-none-match", "if-match"])
def test_a_server_that_ignores_a_condition_is_found_out(
    s3: S3, header: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with before(s3, lambda method, path: PASS, without=(header,)) as port:
        for name, value in s3.environment(port).items():
            monkeypatch.setenv(name, value)
        with pytest.raises(RequestError, match=f"(?i)does not honour the condition {header}"):
            host(tmp_path, "ignoring").prove()


def test_a_commit_whose_answers_are_lost_is_ours(s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = [2]

    def judge(method: str, path: str) -> str:
        if method == "PUT" and "/manifests/" in path and lost[0]:
            lost[0] -= 1
            return CUT
        return PASS

    with before(s3, judge) as port:
        for name, value in s3.environment(port).items():
            monkeypatch.setenv(name, value)
        made, built = make(host(tmp_path / "1", "lost"), FILES)
        assert (built, lost) == (True, [0])
        assert make(host(tmp_path / "2", "lost"), {"a": b"2"}) == (made, False)
    assert len({place.split("/")[4] for place in s3.places("lost/data/")}) == 1


def test_a_bucket_that_goes_away_at_the_upload_costs_no_work(s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buckets, "AGAIN_SECONDS", 0.5)
    away = [False]

    def judge(method: str, path: str) -> str:
        away[0] = away[0] or (method == "PUT" and "/data/" in path)
        return DROP if away[0] else PASS

    with before(s3, judge) as port:
        for name, value in s3.environment(port).items():
            monkeypatch.setenv(name, value)
        with pytest.raises(UnavailableError, match=UNUSABLE):
            make(host(tmp_path / "1", "away"), FILES)
    for name, value in s3.environment().items():
        monkeypatch.setenv(name, value)
    one = host(tmp_path / "1", "away")
    made, built = make(one, {"a": b"2"})
    assert not built
    assert content(one, made) == FILES


WORKER = """
import sys
from pathlib import Path
from tests.faults.buckets import work
root, prefix, handed, seed = sys.argv[1:5]
import json, os, random
keys = [f"{number:064x}" for number in range(4)]
random.Random(seed).shuffle(keys)
work(Path(root), json.loads(os.environ["CLIENT"]), prefix, keys, Path(handed), 0.05)
"""


@pytest.mark.long
def test_killed_hosts_leave_one_artifact_a_key(s3: S3, tmp_path: Path) -> None:
    environment = os.environ | {"CLIENT": json.dumps(s3.environment())}
    drawn = random.Random(1)

    def start(number: int) -> subprocess.Popen[bytes]:
        words = [str(tmp_path / f"root-{number % 2}"), "killed", str(tmp_path / f"handed-{number}"), str(number)]
        return subprocess.Popen([sys.executable, "-c", WORKER, *words], cwd=CHECKOUT, env=environment, stderr=subprocess.PIPE)

    with ExitStack() as stack:
        running = [stack.enter_context(start(number)) for number in range(3)]
        for _ in range(3):
            time.sleep(drawn.uniform(0.8, 1.5))
            number = drawn.randrange(3)
            running[number].send_signal(signal.SIGKILL)
            running[number].communicate()
            running[number] = stack.enter_context(start(number))
        said = [process.communicate()[1].decode() for process in running]
        assert [process.returncode for process in running] == [0, 0, 0], said
    lines = [line.split() for path in tmp_path.glob("handed-*") for line in path.read_text().splitlines()]
    digests: dict[str, set[str]] = {}
    for key, digest, _ in (line for line in lines if len(line) == 3):
        digests.setdefault(key, set()).add(digest)
    assert [len(each) for each in digests.values()] == [1] * 4


def run_main(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    monkeypatch.setattr("sys.argv", ["textmill", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out or err


@pytest.mark.usefixtures("client")
def test_gc_and_wrong_addresses_as_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TEXTMILL_RUNTIME__DATA_ROOT", str(tmp_path))
    make(host(tmp_path, "command"), FILES)
    code, said = run_main(monkeypatch, capsys, "gc", "--json", "--runtime.store", f"s3://{BUCKET}/command")
    assert code == 0
    assert json.loads(said)["bucket"]["kept"] == 1
    for address in (f"s3://{KEY_ID}:{SECRET}@team/x", "https://team/x", "s3://team/x?key=1", "s3://team/../x", "team"):
        code, said = run_main(monkeypatch, capsys, "gc", "--runtime.store", address)
        assert code == 2, said
        assert said.count("\n") == 1
    monkeypatch.setenv("TEXTMILL_RUNTIME__STORE", "s3://absent/x")
    code, said = run_main(monkeypatch, capsys, "gc")
    assert (code, said) == (
        1,
        "textmill: --runtime.store s3://absent/x cannot be used (there is no such bucket); when it is there again, the "
        "same command goes on where this one stopped\n",
    )


@pytest.mark.long
def test_a_run_on_a_second_host_builds_nothing_and_stores_no_secret(s3: S3, tmp_path: Path) -> None:
    corpus, address, seen = make_corpus(tmp_path / "news", 20), f"s3://{BUCKET}/trained", list[str]()
    with before(s3, lambda method, path: PASS, seen=seen) as port:
        variables = s3.environment(port) | {"AWS_SESSION_TOKEN": "tOkEnOfASession"}
        knobs = ("--runtime.store", address, "--name", "news")
        one = train(tmp_path / "1" / "root", corpus, *knobs, variables=variables)
        two = train(tmp_path / "2" / "root", corpus, *knobs, variables=variables)
        done = textmill(
            tmp_path / "2" / "root",
            [sys.executable, "-m", "flows.commands", "doctor", "--json", "--runtime.data-root", str(tmp_path / "2" / "root")],
            variables,
        )
    assert not any(stage["cached"] for stage in one["stages"].values())
    assert [name for name, stage in two["stages"].items() if not stage["cached"]] == ["register"]
    assert {name: stage["key"] for name, stage in one["stages"].items()} == {
        name: stage["key"] for name, stage in two["stages"].items()
    }
    checks: dict[str, Any] = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    assert checks["shared store"]["detail"].startswith(f"{address}: of two creates of one object the second was refused")
    runs = [json.loads(s3.get(place)) for place in s3.places("trained/runs/")]
    assert [(run["name"], run["verb"], run["status"]) for run in runs] == [("news", "train", "finished")] * 2
    assert all(any(word in headers for headers in seen) for word in (KEY_ID, "tOkEnOfASession"))
    left = [path for path in tmp_path.rglob("*") if path.is_file() and not path.is_symlink()]
    held = [path for path in left if any(word.encode() in path.read_bytes() for word in (KEY_ID, SECRET, "tOkEnOfASession"))]
    assert held == []
    assert not any(SECRET.encode() in s3.get(place) for place in s3.places("trained/"))
