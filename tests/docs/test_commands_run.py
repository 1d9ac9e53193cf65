"""The commands of the pages are run, one page after the other in one folder, on small stand-ins for the files they name.

Not run: what needs data that nobody can make up (NEEDS), servers, which have tests of their own, and campaigns of hours.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tasks.checkout import CHECKOUT
from tasks.durable import take
from tests.docs.commands import shown_commands

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.docs.commands import Shown

LABELS = ("negative", "neutral", "positive")
NEEDS = (
    "aclImdb_v1.tar.gz",
    "few.tar.gz",  # a part of it
    "few-all.tar.gz",  # the same with all test reviews
    "cc.en.300.vec.gz",
    "ectsum_transcripts.tar.gz",
    "glove.6B.zip",
    "GoogleNews-vectors-negative300.bin.gz",
    "gb18030",  # Chinese news
    "--fetch.query",  # tests/fetch
    "--fetch.url",
    "--runtime.store",  # tests/store
    "--runtime.address",  # tests/engine
    "https://files.example/reviews.csv",  # tests/fetch
)  # data that is not there
SEARCHES = ("tune",)  # they take the minutes that they are given; tests/flows/test_tune.py
SERVERS = ("up", "down", "deploy", "undeploy", "serve", "sweep")  # tests/flows/servers, tests/serve, tests/flows/test_sweep.py
NAMES_ALONE = (
    "INPUT",
    "MODEL",
    "SOURCE",
    "CHANNEL",
    "ROOT",
    "NEW",
    "FILE",
    "NAME",
    "FOLDER",
    "MODEL_FOLDER",
    "/srv/team-b",
)  # placeholders
PROMISED = ("--model", "phrasebank@champion", "--max-error", "0.05")
REFUSED = {  # where several models are registered some need a name, as their pages say; the stand-in has few rows
    ("predict", *PROMISED, "Operating loss narrowed to EUR 3.1m from EUR 8.4m"): "calibration rows cannot promise",
    ("score", "new.csv", "labels.parquet", *PROMISED[:2], "--text", "headline", *PROMISED[2:]): "cannot promise",
    ("models", "promote", "1"): "say which with --name",
    ("models", "rollback"): "say which with --name",
    ("models", "rollback", "--name", "reviews"): "has no earlier champion",
    ("label", "undo", "20261201-115204-b418"): "is not an import of labels",
}
FIRST = {  # a page may speak of a model with vectors: the gate, which has a few rows here, may prefer the one without
    "VECTORS.md": ("models", "promote", "2", "--name", "reviews"),
    "TRUST.md": ("models", "promote", "2", "--name", "phrasebank"),
}
RUN_ELSEWHERE = {"MESSAGES.zh-CN.md"}  # tests/docs/test_messages.py


def is_run(shown: Shown) -> bool:
    """Whether a command is `textmill` with something after its verb, and all that it needs can be made up."""
    words = shown.words
    if words[0] != "textmill" or len(words) < 3 or shown.page in RUN_ELSEWHERE:
        return words[0] == "textmill" and words[1:] in {("doctor",), ("gc",)}
    if words[1] in (*SERVERS, *SEARCHES) or words[1:] == ("models", "promote") or "--help" in words or "--dismiss" in words:
        return False
    if words[1] == "refresh" and not {"--preset", "--collect.source", "--collect.query"} & set(words):
        return False  # a piece of a command
    if (words[1] == "review" and "--monitor" in words) or words[1] == "monitor":  # tests/review, tests/monitor
        return False
    return not any(word in NEEDS or word in NAMES_ALONE or "NEWS_DATABASE" in word for word in words)


COMMANDS = list({shown.words: shown for shown in reversed(shown_commands()) if is_run(shown)}.values())[::-1]
# Models first: the others ask for them.
COMMANDS.sort(
    key=lambda shown: (
        shown.words[1] not in ("train", "language"),
        "data/sample" not in shown.words,
        shown.words[1] == "refresh",
    )
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with stand-ins for the files of the pages, made of the embedded sample."""
    folder = tmp_path_factory.mktemp("pages")
    rows = [
        (label, path.read_text(encoding="utf-8").strip().replace('"', ""))
        for label in LABELS
        for path in sorted((CHECKOUT / "data/sample" / label).glob("*.txt"))[:120]
    ]
    days = [f"2019-{month:02}-{day:02}" for month in range(6, 13) for day in range(1, 29)]
    table = [
        f'"{text}","{text}","{text}","{text}",{label},{label},{label},{f"{days[row % len(days)]}," * 3}Company {row % 9}'
        for row, (label, text) in enumerate(rows)
    ]
    for name in ("reviews.csv", "new.csv", "news.csv", "requests.csv"):
        (folder / name).write_text(
            "\n".join(["body,text,title,headline,stars,label,sentiment,when,day,date,company", *table]), encoding="utf-8"
        )
    (folder / "companies.csv").write_text("name,aliases\nCorvane,\nOstby,Ostby Group\n", encoding="utf-8")
    (folder / "news").mkdir()
    for name, part in (("2022.csv", rows[::3]), ("2023.csv", rows[1::3])):
        lines = [f'"{text}",{label}' for label, text in part]
        (folder / "news" / name).write_text("\n".join(["headline,sentiment", *lines]), encoding="utf-8")
    objects = [json.dumps({"headline": text, "sentiment": label}) for label, text in rows[2::3]]
    (folder / "news/2024.jsonl").write_text("\n".join(objects), encoding="utf-8")
    (folder / "labelled.csv").write_text(
        "\n".join(["text,label", *(f'"{text}",{label}' for label, text in rows[::20])]), encoding="utf-8"
    )
    lines = [f"{text.replace('@', ' ')}@{label}" for label, text in rows]
    for name in ("Sentences_AllAgree.txt", "Sentences_50Agree.txt"):
        (folder / name).write_text("\n".join(lines), encoding="latin-1", errors="replace")
    titles = [f"{text.replace(chr(9), ' ')}\t{LABELS.index(label)}" for label, text in rows]
    (folder / "dev.txt").write_text("\n".join(titles[::2]), encoding="utf-8")
    (folder / "test.txt").write_text("\n".join(titles[1::2]), encoding="utf-8")
    (folder / "class.txt").write_text("\n".join(LABELS), encoding="utf-8")
    headlines = [f'"{days[row % len(days)]}","{text}"' for row, (_, text) in enumerate(rows)]
    (folder / "guardian.csv").write_text("\n".join(["Time,Headlines", *headlines]), encoding="utf-8")
    (folder / "inbox").mkdir()
    (folder / "inbox/a.csv").write_text("\n".join(["published,headline", *headlines]), encoding="utf-8")
    shutil.copytree(CHECKOUT / "data/stream-zh", folder / "data/stream-zh")
    (folder / "run.toml").write_text(f'[ingest]\npath = "{folder}/reviews.csv"\n[finetune]\nmodel = "tfidf"\n')
    (folder / "other.toml").write_text('[finetune]\nmodel = "bag"\nepochs = 2\n')
    (folder / "watch.toml").write_text('[names]\nTesco = ["Tesco", "TSCO"]\n')
    (folder / "words.tsv").write_text("profit warning\tnegative\nrose\tpositive\nfell\tnegative\n")
    (folder / "channels.toml").write_text(
        '[team]\nkind = "file"\npath = "alerts.jsonl"\n[desk]\nkind = "file"\npath = "desk.jsonl"\n'
    )
    (folder / "channels.toml").chmod(0o600)
    write_ag_news(folder / ".data")
    shutil.copytree(folder / ".data", folder / ".cache/torch/text")
    (folder / "list.txt").write_text("A text that none of these files holds, so that the models of the other pages stay.\n")
    (folder / "names.txt").write_text("\nWorld\nSports\nBusiness\nSci/Tech\n")
    for name in ("sample", "sample-zh", "service-zh"):
        shutil.copytree(CHECKOUT / "data" / name, folder / "data" / name)
    return folder


def write_ag_news(root: Path) -> None:
    """AG_NEWS and SST2 as torchtext leaves them in its root folder."""
    import io
    import zipfile

    texts = [path.read_text(encoding="utf-8").strip().replace('"', "") for path in (CHECKOUT / "data/sample").glob("*/*.txt")]
    (root / "datasets/AG_NEWS").mkdir(parents=True)
    for name, part in (("train.csv", texts[:400]), ("test.csv", texts[400:600])):
        rows = [f'"{row % 4 + 1}","{text[:20]}","{text}"' for row, text in enumerate(part)]
        (root / "datasets/AG_NEWS" / name).write_text("\n".join(rows), encoding="utf-8")
    (root / "datasets/SST2").mkdir()
    with zipfile.ZipFile(root / "datasets/SST2/SST-2.zip", "w") as archive:
        for name, part in (("train", texts[:300]), ("dev", texts[300:400])):
            table = io.StringIO()
            table.write("sentence\tlabel\n")
            table.writelines(f"{text}\t{row % 2}\n" for row, text in enumerate(part))
            archive.writestr(f"SST-2/{name}.tsv", table.getvalue())
        archive.writestr(
            "SST-2/test.tsv", "index\tsentence\n" + "".join(f"{row}\t{text}\n" for row, text in enumerate(texts[400:500]))
        )


def run(words: Sequence[str], folder: Path) -> tuple[int, str]:
    """Exit code and standard error of a command in the folder, with a data root and a home of their own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "MLFLOW_", "TEXTMILL_"))}
    own = {"HOME": str(folder), "PYTHONPATH": str(CHECKOUT), "TEXTMILL_RUNTIME__DATA_ROOT": str(folder / "root")}
    command = [sys.executable, "-m", "flows.commands", *(re.sub(r"^~", str(folder), word) for word in words)]
    done = subprocess.run(command, cwd=folder, env=kept | own, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return done.returncode, done.stderr


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[contextlib.ExitStack]:
    """As long as this is held the Prefect server of one command is there for the next."""
    (folder / "root/prefect").mkdir(parents=True, mode=0o700)
    with contextlib.ExitStack() as held:
        hold(held, folder)
        yield held


def hold(held: contextlib.ExitStack, folder: Path) -> None:
    users = os.open(folder / "root/prefect/users.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    held.callback(os.close, users)
    take(users, shared=True)


@pytest.mark.pages
@pytest.mark.parametrize("shown", COMMANDS, ids=str)
def test_a_command_of_a_page_runs(shown: Shown, folder: Path, server: contextlib.ExitStack) -> None:
    if shown.words[1] == "forget":  # it wants the data root to itself
        server.close()
    if (first := FIRST.get(shown.page)) and shown.words[1] != "train":
        assert run(first, folder)[0] == 0
    code, said = run(shown.words[1:], folder)
    if shown.words[1] == "forget":
        hold(server, folder)
    if shown.words[1:] in REFUSED:
        assert code == 2
        assert REFUSED[shown.words[1:]] in said
    else:
        assert code == 0, said
