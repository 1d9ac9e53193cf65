"""A search of settings beside the default and beside fastText's own autotune, each in the same minutes, on the same test rows.

    python -m benchmarks.tuning --minutes 10 [--work FOLDER] OPTIONS OF `textmill tune`

Runs `textmill tune`, then `textmill train` with the same options as another name, then fastText's autotune on the same tokens:
it chooses on the validation rows and is trained on the train rows. All three are scored on the test rows, which none had seen.
A table goes to stderr, one JSON object to stdout. With --work a killed call that is repeated goes on.

The seconds of `tune` are those of its search and confirmation; the training that follows comes on top, as the last training of
fastText's autotune does.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.peers.peer import scores
from tasks.checkout import CHECKOUT
from tasks.evaluate.compare import compare, wilson_interval
from tasks.evaluate.predictions import PREDICTIONS, read_columns, read_test
from tasks.model.views.fasttext import lines
from tasks.prepare.read import read_split

if TYPE_CHECKING:
    from collections.abc import Sequence

LABEL = "__label__"


def textmill(verb: str, words: Sequence[str], root: Path) -> dict[str, Any]:
    """Run a verb and return its JSON; CalledProcessError if it fails."""
    command = [sys.executable, "-m", "flows.commands", verb, *words, "--runtime.data-root", str(root), "--json"]
    done = subprocess.run(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def predicted(root: Path, result: dict[str, Any]) -> tuple[list[str], list[str]]:
    """True and predicted labels of the test rows by the model of a training run."""
    table = read_columns(root / "store/evaluate" / result["stages"]["evaluate"]["key"] / PREDICTIONS, "label", "predicted")
    return table.column("label").to_pylist(), table.column("predicted").to_pylist()


def autotune(prepared: Path, folder: Path, seconds: float) -> tuple[list[str], dict[str, Any]]:
    """What fastText's autotune predicts of the test rows, and the settings that it found; `prepared` is prepare's folder."""
    names: dict[str, int] = {}
    for split in ("train", "valid"):
        rows = read_split(prepared / "dataset", split)
        labels = [names.setdefault(label, len(names)) for label in rows.labels.to_pylist()]
        with (folder / split).open("w", encoding="utf-8", newline="\n") as file:
            for label, line in zip(labels, lines(rows.tokens), strict=True):
                if line:
                    file.write(f"{LABEL}{label} {line}\n")
    test = read_test(prepared / "holdout")
    numbers, found = tuned(str(folder / "train"), str(folder / "valid"), seconds, list(lines(test.tokens)))
    known = {number: name for name, number in names.items()}
    return [known[number] for number in numbers], found


def tuned(train: str, valid: str, seconds: float, texts: list[str]) -> tuple[list[int], dict[str, Any]]:
    """Tune and predict."""
    import fasttext

    model = fasttext.train_supervised(
        input=train, autotuneValidationFile=valid, autotuneDuration=max(1, int(seconds)), verbose=0
    )
    answers = [model.predict(text)[0] for text in texts]
    numbers = [int(each[0].removeprefix(LABEL)) if each else 0 for each in answers]
    args = model.f.getArgs()
    found = {name: getattr(args, name) for name in ("dim", "epoch", "lr", "wordNgrams", "minCount", "minn", "maxn", "bucket")}
    return numbers, {name: value for name, value in found.items() if isinstance(value, int | float)}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--work", type=Path)
    asked, words = parser.parse_known_args()
    with tempfile.TemporaryDirectory(prefix="tuning-") as name:
        root = (asked.work or Path(name)).resolve()
        root.mkdir(parents=True, exist_ok=True)
        found = textmill("tune", [*words, "--minutes", str(asked.minutes)], root)
        plain = textmill("train", [*_training(words), "--name", "tuning-default"], root)
        prepared = root / "store/prepare" / plain["stages"]["prepare"]["key"]
        began = time.monotonic()
        with tempfile.TemporaryDirectory(dir=root) as folder:
            theirs, settings = autotune(prepared, Path(folder), 60 * asked.minutes)
        seconds = time.monotonic() - began
        true, ours = predicted(root, found["train"])
        answers = {"tune": ours, "default": predicted(root, plain)[1], "fasttext_autotune": theirs}
        result = {
            "minutes": asked.minutes,
            "answer": found["answer"],
            "answer_line": found["answer_line"],
            "spent_seconds": found["spent_seconds"],
            "overran_seconds": found["overran_seconds"],
            "autotune_seconds": round(seconds, 1),
            "autotune_settings": settings,
            "test_rows": len(true),
            **{name: _scored(true, given) for name, given in answers.items()},
            "against": {name: _paired(true, ours, given) for name, given in answers.items() if name != "tune"},
        }
    _say(result)
    print(json.dumps(result, ensure_ascii=False))


def _training(words: Sequence[str]) -> list[str]:
    """The options without those of the search and the name: each has a value behind it."""
    own = {"--name", "--models", "--measure", "--folds", "--fold-seed", "--search-seed", "--trials", "--significance"}
    kept: list[str] = []
    waiting = list(words)
    while waiting:
        word = waiting.pop(0)
        if word.split("=")[0] in own:
            del waiting[: "=" not in word]
        else:
            kept.append(word)
    return kept


def _scored(true: Sequence[str], given: Sequence[str]) -> dict[str, Any]:
    found = scores(list(true), list(given))
    return {**found, "interval": wilson_interval(found["accuracy"], len(true))}


def _paired(true: Sequence[str], ours: Sequence[str], theirs: Sequence[str]) -> dict[str, float]:
    truth = np.array(true, object)
    found = compare(np.array(ours, object) == truth, np.array(theirs, object) == truth)
    return {"difference": found.difference, "lower_95": found.lower_95, "upper_95": found.upper_95, "mid_p": found.mid_p}


def _say(result: dict[str, Any]) -> None:
    print(
        f"{result['answer_line']}; {result['spent_seconds']:.0f} s, {result['overran_seconds']:.1f} s too many", file=sys.stderr
    )
    for name in ("tune", "default", "fasttext_autotune"):
        found = result[name]
        low, high = found["interval"]
        paired = result["against"].get(name)
        behind = "" if paired is None else "  tune {difference:+.4f} [{lower_95:+.4f}, {upper_95:+.4f}]".format(**paired)
        line = f"{name:18} accuracy {found['accuracy']:.4f} [{low:.4f}, {high:.4f}]  macro-F1 {found['macro_f1']:.4f}{behind}"
        print(line, file=sys.stderr)


if __name__ == "__main__":
    main()
