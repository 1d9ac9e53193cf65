"""Run the benchmark: every row in a process of its own, one after the other; write results.json and RESULTS.md.

    python -m benchmarks [--only GROUP[/ROW] ...] [--data FOLDER] [--weights FOLDER] [--resume | --render] [--quick]
    python -m benchmarks --corpus PATH --text COLUMN --label COLUMN [--test PATH]

`--quick` runs every row on tiny subsets, to see that it works; it writes quick.json and QUICK.md, never the real results.
"""

from __future__ import annotations

import argparse
import importlib
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.campaign import Campaign
from benchmarks.groups import corpus
from benchmarks.pictures import FOLDER, draw_pictures
from benchmarks.render import render
from benchmarks.results import QUICK_RESULTS, RESULTS, Results

if TYPE_CHECKING:
    from benchmarks.rows import Group

NOTES = Path(__file__).with_name("NOTES.md")  # what was tried and did not help, written by hand
GROUPS = (
    "imdb",
    "cached",
    "phrasebank",
    "encoder",
    "few_labels",
    "thucnews",
    "prepare",
    "align",
    "optimizer",
    "score",
    "cores",
    "serve",
    "explain",
    "scaling",
    "ablation",
    "finetuning",
)


def main() -> int:
    """Measure what the arguments ask for; 1 if a row failed."""
    # So that a campaign that is ended takes the command that it measures along, as Ctrl-C does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    arguments = parse()
    path = arguments.results or (QUICK_RESULTS if arguments.quick else RESULTS)
    results = Results.read(path, quick=arguments.quick)
    groups = list_groups(arguments)
    if not arguments.render:
        Campaign(results, arguments.data, arguments.weights).run(groups, only=arguments.only, resume=arguments.resume)
    page = path.with_name("RESULTS.md" if path == RESULTS else f"{path.stem.upper()}.md")
    notes = NOTES.read_text(encoding="utf-8") if path == RESULTS else ""
    pictures = (
        {}
        if arguments.corpus
        else draw_pictures(results, page.with_name(FOLDER if path == RESULTS else f"{path.stem}-{FOLDER}"))
    )
    page.write_text(render(results, groups, notes, pictures), encoding="utf-8")
    print(f"{path}\n{page}")
    return int(any(row.status == "failed" for row in results.rows))


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", default=[], metavar="GROUP[/ROW]", help="measure these, keep the others' results")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of the real data")
    parser.add_argument("--weights", type=Path, help="folder of a pretrained encoder, such as all-MiniLM-L6-v2")
    parser.add_argument("--results", type=Path, help="JSON file to write; the page stands beside it")
    parser.add_argument("--quick", action="store_true", help="tiny subsets: does every row work?")
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--resume", action="store_true", help="keep the rows of a campaign that was interrupted")
    choice.add_argument("--render", action="store_true", help="only write the page from the JSON")
    own = parser.add_argument_group("a corpus of your own")
    own.add_argument("--corpus", type=Path, help="a table, or a folder with one folder a label")
    own.add_argument("--text", default="text", help="name or position of the text column")
    own.add_argument("--label", default="label", help="name or position of the label column")
    own.add_argument("--test", type=Path, help="official test part; without it a fifth is held out")
    arguments = parser.parse_args()
    if arguments.corpus is not None and arguments.results is None:
        arguments.results = Path(f"benchmark-{arguments.corpus.stem}.json")  # not this project's own results
    return arguments


def list_groups(arguments: argparse.Namespace) -> list[Group]:
    """The groups in their order; for a corpus of the user's only its own."""
    if arguments.corpus is not None:
        return [corpus.group(arguments.corpus, arguments.text, arguments.label, arguments.test)]
    here = Path(__file__).parent / "groups"
    names = [name for name in GROUPS if (here / f"{name}.py").exists()]
    return [importlib.import_module(f"benchmarks.groups.{name}").group(arguments.quick) for name in names]


if __name__ == "__main__":
    sys.exit(main())
