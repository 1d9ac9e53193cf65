"""The commands that pages show: found in fenced blocks, indented blocks and code spans, and read as the shell would."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.checkout import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROGRAMS = ("textmill", "python", "make", "mlflow")
ASSIGNMENT = re.compile(r"[A-Z_]+=\S*$")
OF_A_SHELL = re.compile(r"[|<>;&]|^cd$|\$\(")
LANGUAGES = ("", "sh", "bash")  # of fenced blocks that hold commands
# What a page writes in place of a value; in a span `[NAME]` may be left out.
PLACEHOLDERS = {"VERSION": "1", "COMMAND": "textmill gc", "…": "", "...": ""}


@dataclass(frozen=True)
class Shown:
    """One command of one page, as words, without the variables before it."""

    page: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.page}: {shlex.join(self.words)}"


def pages() -> list[Path]:
    """Where commands are looked for; those of a recipe are only right in its copy of the tree (test_extending.py)."""
    return [
        *CHECKOUT.glob("README*.md"),
        *sorted(page for page in (CHECKOUT / "docs").glob("*.md") if page.name != "EXTENDING.md"),
        *(CHECKOUT / folder / "README.md" for folder in ("data", "mlflow")),
    ]


def shown_commands() -> list[Shown]:
    """Every command of every page, each once a page."""
    found = [Shown(page.name, words) for page in pages() for words in _commands(page.read_text(encoding="utf-8"))]
    return list(dict.fromkeys(found))


def _commands(text: str) -> Iterator[tuple[str, ...]]:
    blocks = re.findall(r"(?ms)^```(\w*)\n(.*?)^```", text)
    lines = [line for language, block in blocks if language in LANGUAGES for line in _lines(block)]
    rest = re.sub(r"(?ms)^```.*?^```", "", text)
    lines += [line for block in re.findall(r"(?m)(?:^ {4}.*\n?)+", rest) for line in _lines(block)]
    lines += [_without_placeholders(span) for span in re.findall(r"`([^`\n]+)`", rest)]
    for line in lines:
        words = _words(line)
        if words and words[0] in PROGRAMS and len(words) > 1:
            yield words


def shown_options() -> list[tuple[str, str]]:
    """Every span that begins with an option of a section, as (page, text)."""
    found = [
        (page.name, span)
        for page in pages()
        for span in re.findall(
            r"`(--[a-z]+\.(?!x`)[^`\n]*)`", re.sub(r"(?ms)^```.*?^```", "", page.read_text(encoding="utf-8"))
        )
    ]
    return list(dict.fromkeys(found))


def _lines(block: str) -> list[str]:
    joined = re.sub(r"\s*\\\n\s*", " ", block)
    return [_without_placeholders(line.strip()) for line in joined.splitlines()]


def _without_placeholders(span: str) -> str:
    for placeholder, value in PLACEHOLDERS.items():
        span = re.sub(rf"(?<!\S)\[?{re.escape(placeholder)}\]?(?!\S)", value, span)
    return re.sub(r"(?<!\S)\[([^]\[\"]*)\](?!\S)", r"\1", span)


def _words(line: str) -> tuple[str, ...]:
    """The words of a line, without variables before the program, its folder, and what comes after a pipe."""
    try:
        words = shlex.split(line, comments=True)
    except ValueError:  # a quotation mark of prose
        return ()
    while words and ASSIGNMENT.match(words[0]):
        words = words[1:]
    for place, word in enumerate(words):
        if OF_A_SHELL.search(word) and not word.startswith("--") and " " not in word and "://" not in word:
            words = words[:place]
            break
    return (words[0].removeprefix(".venv/bin/"), *words[1:]) if words else ()
