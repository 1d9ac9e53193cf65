"""An explanation in the terminal: the text with its words marked, and the heaviest words with their shares."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.commands.printing import print_below, results
from tasks.score.explain import heaviest
from tasks.shown import in_line, shortened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks.model.serving import Explanation

MARKED_CHARS = 2000  # of a text in the terminal; --json has all words
WORD_CHARS = 40
SHADES = ((0.5, "bold {} reverse"), (0.15, "bold {}"), (0.02, "{}"), (0.0, ""))  # from this part of the heaviest share on
FOR, AGAINST = "green", "red"


def print_explanation(text: str, explanation: Explanation) -> None:
    """Print the marked text, where there are colours, and a line of words for the label and one of words against it."""
    from rich.text import Text

    console = results()
    if console.color_system and not console.no_color:
        marked = Text("  ")
        for part, style in marked_parts(text[:MARKED_CHARS], explanation):
            marked.append(in_line(part), style)
        console.print(marked, soft_wrap=True)
    told = (f"  {title}: {words}" for title, words in zip(("for", "against"), map(_named, heaviest(explanation)), strict=True))
    print_below(console, [line for line in told if not line.endswith(": ")])
    print_below(console, [f"  log-odds {explanation.log_odds:+.2f}, {explanation.bias:+.2f} of it without any word"])


def marked_parts(text: str, explanation: Explanation) -> Iterator[tuple[str, str]]:
    """The text in parts with a style each, in order; together they are the text."""
    most = max((abs(word.share) for word in explanation.words), default=0.0) or 1.0
    at = 0
    for word in explanation.words:
        if word.start < at or word.end > len(text) or word.start == word.end:
            continue
        yield text[at : word.start], ""
        shade = next(style for least, style in SHADES if abs(word.share) >= least * most)
        yield text[word.start : word.end], shade.format(FOR if word.share > 0 else AGAINST)
        at = word.end
    yield text[at:], ""


def _named(words: list[tuple[str, float]]) -> str:
    return ", ".join(f"{shortened(in_line(word), WORD_CHARS)} {share:+.2f}" for word, share in words)
