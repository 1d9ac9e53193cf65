"""An explanation in the terminal: the text with its words marked, and the heaviest words with their shares."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.commands.printing import print_below, results
from tasks.marked import marked_excerpt, marks, parts
from tasks.score.explain import heaviest
from tasks.shown import in_line, shortened

if TYPE_CHECKING:
    from tasks.model.explain import Explanation

MARKED_CHARS = 2000  # of a text in the terminal; --json has all words
WORD_CHARS = 40
SMALLEST_SHOWN = 0.005
STYLES = {3: "bold green reverse", 2: "bold green", 1: "green", -1: "red", -2: "bold red", -3: "bold red reverse"}


def print_explanation(text: str, explanation: Explanation) -> None:
    """Print the marked text, where there are colours, and a line of words for the label and one of words against it."""
    from rich.text import Text

    console = results()
    if console.color_system and not console.no_color:
        marked = Text("  ")
        for part, level in parts(*marked_excerpt(text, marks(explanation.words), MARKED_CHARS)):
            marked.append(in_line(part), STYLES.get(level))
        console.print(marked, soft_wrap=True)
    told = (f"  {title}: {words}" for title, words in zip(("for", "against"), map(_named, heaviest(explanation)), strict=True))
    print_below(console, [line for line in told if not line.endswith(": ")])
    rest = getattr(explanation, "remainder", 0.0)  # a package of when only sums over words were explained has none
    left = f", {rest:+.2f} shared out to no word" if abs(rest) >= SMALLEST_SHOWN else ""
    print_below(console, [f"  log-odds {explanation.log_odds:+.2f}, {explanation.bias:+.2f} of it without any word{left}"])


def _named(words: list[tuple[str, float]]) -> str:
    return ", ".join(f"{shortened(in_line(word), WORD_CHARS)} {share:+.2f}" for word, share in words)
