"""Take what holds a text out of files that stay: records in JSON and logs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tasks.durable import flush, replaced
from tasks.forget.search import held_by_file
from tasks.shown import json_text

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.forget.forms import Wanted

IN_PLACE = "(forgotten)"  # stands for a value that held the text


def rewrite_record(path: Path, wanted: Wanted) -> None:
    """Put IN_PLACE for each string of a JSON file, or of a file of JSON lines, that holds a text.

    A line, or a file, that holds it otherwise (as a name, or parted) is removed.
    """
    lines = path.suffix == ".jsonl"
    try:
        if lines:
            written = [without_texts(json.loads(line), wanted) for line in path.read_bytes().splitlines() if line.strip()]
            told = [json_text(each) for each in written]
            content = "".join(f"{line}\n" for line in told if not wanted.held_by(line))
        else:
            content = json_text(without_texts(json.loads(path.read_bytes()), wanted), indent=1)
    except ValueError:  # cut short, or not JSON
        rewrite_log(path, wanted)
        return
    with replaced(path, mode=path.stat().st_mode & 0o777, flushed=True) as partial:
        partial.write_text(content, encoding="utf-8")
    if held_by_file(path, wanted):
        path.unlink()


def rewrite_log(path: Path, wanted: Wanted) -> None:
    """Remove the lines that hold a text, in place: a program that appends to the file goes on. All, if a text is on several.

    A log that was rotated and compressed is removed.
    """
    lines = path.read_bytes().splitlines(keepends=True)
    held = [bool(wanted.held_by_bytes(line)) for line in lines]
    within = {
        at for line, has in zip(lines, held, strict=True) if has for at in wanted.whole_in(line.decode("utf-8", "ignore"))
    }
    kept = b"".join(line for line, has in zip(lines, held, strict=True) if not has)
    if wanted.whole_in(b"".join(lines).decode("utf-8", "ignore")) - within or wanted.held_by_bytes(kept):
        kept = b""
    with path.open("r+b") as file:
        file.write(kept)
        file.truncate()
    flush(path)
    if held_by_file(path, wanted):
        path.unlink()


def without_texts(value: Any, wanted: Wanted) -> Any:
    """A JSON value with IN_PLACE for each string that holds a text."""
    if isinstance(value, str):
        return IN_PLACE if wanted.held_by(value) else value
    if isinstance(value, list):
        return [without_texts(each, wanted) for each in value]
    if isinstance(value, dict):
        return {name: without_texts(each, wanted) for name, each in value.items()}
    return value
