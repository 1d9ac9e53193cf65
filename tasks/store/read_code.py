"""Remember what was read of this checkout's modules, so that a process need not parse them again.

The memory is a file of this environment that may be lost or damaged at any time: that costs parsing again, nothing else. What
is remembered of a module counts only for the very bytes it was read from, and for the reader and the Python that read them.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.durable import PRIVATE, replaced

if TYPE_CHECKING:
    from collections.abc import Callable

MEMORY = Path(sys.prefix) / "share" / "textmill" / "code.json"


class CodeMemory:
    """What a reader found in each module, by the module's path relative to `root`. `reader` is the file that reads them.

    What is found must be something that JSON keeps as it is.
    """

    def __init__(self, root: Path, reader: Path, memory: Path = MEMORY) -> None:
        self._root = root
        self._file = memory
        self._reader = hashlib.sha256(sys.version.encode() + reader.read_bytes()).hexdigest()
        self._found: dict[str, list[Any]] = {}
        self._new = False
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            checksum, _, text = memory.read_text(encoding="utf-8").partition("\n")
            if checksum == self._checksum(text):
                self._found = json.loads(text)

    def of(self, path: Path, read: Callable[[bytes], Any]) -> Any:
        """What `read` finds in the file's bytes. A file that is not below the root is read anew."""
        source = path.read_bytes()
        if not path.is_relative_to(self._root):
            return read(source)
        name, digest = str(path.relative_to(self._root)), hashlib.sha256(source).hexdigest()
        known = self._found.get(name)
        if known is None or known[0] != digest:
            known = self._found[name] = [digest, read(source)]
            self._new = True
        return known[1]

    def keep(self) -> None:
        """Write down what is new, where this user may."""
        if not self._new:
            return
        self._new = False
        self._found = {name: found for name, found in self._found.items() if (self._root / name).exists()}
        text = json.dumps(self._found, separators=(",", ":"))
        with contextlib.suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with replaced(self._file, mode=PRIVATE) as partial:
                partial.write_text(f"{self._checksum(text)}\n{text}", encoding="utf-8")

    def _checksum(self, text: str) -> str:
        """Of the memory and of what made it."""
        return hashlib.sha256(f"{self._reader}\n{text}".encode()).hexdigest()
