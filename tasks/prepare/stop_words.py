"""Stop words: the words a user wants left out of every document."""

from __future__ import annotations

from pathlib import Path

from tasks.errors import RequestError
from tasks.prepare.clean import clean

ENGLISH = "english_stop_words.txt"


def load_stop_words(choice: str | Path) -> list[str]:
    """The words to leave out, sorted: "none", "english", or those of a UTF-8 file, one a line (`#` starts a comment).

    Words are folded as tokens are. RequestError if the file is missing or not UTF-8.
    """
    if choice == "none":
        return []
    path = Path(__file__).with_name(ENGLISH) if choice == "english" else Path(choice)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise RequestError(f"stop-word file {path}: byte {error.start} is not UTF-8; save it as UTF-8") from error
    except OSError as error:
        raise RequestError(
            f"stop-word file {path}: {error.strerror or error}; give --prepare.stop-words a file, english or none"
        ) from error
    words = (line.partition("#")[0].strip() for line in lines)
    return sorted({clean(word, html=False).replace("\u2019", "'") for word in words if word})
