"""Where the servers of `textmill up` keep what they have, if that is not in the data root: `<data root>/servers.json`.

While the file is there, runs of the data root record with the MLflow server that it names, and with nothing else: what that
server keeps in a database or in a bucket is reached through it alone.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from tasks.durable import replaced

if TYPE_CHECKING:
    from pathlib import Path

FILE = "servers.json"
FOLDER = "server"  # below `mlflow`: the ledger and copies of decisions about models that are not in `mlflow.db`


@dataclass(frozen=True)
class Kept:
    """The database of both servers, and the bucket of MLflow's files, without any secret; and MLflow's address."""

    database: str | None = None
    artifacts: str | None = None
    mlflow: str = ""

    @property
    def elsewhere(self) -> bool:
        """Whether anything is outside of the data root."""
        return bool(self.database or self.artifacts)


def read_kept(data_root: Path) -> Kept:
    """What was written down; nothing is elsewhere where no file says so. ValueError for a file that is not ours."""
    path = data_root / FILE
    try:
        written = json.loads(path.read_bytes())
        return Kept(**{name: written[name] for name in ("database", "artifacts", "mlflow")})
    except (FileNotFoundError, NotADirectoryError):
        return Kept()
    except (KeyError, TypeError, ValueError):
        raise ValueError(f"{path} is damaged; write it again with textmill up --database ... --artifacts ...") from None


def write_kept(data_root: Path, kept: Kept) -> None:
    """Write it down, or remove the file where nothing is elsewhere."""
    path = data_root / FILE
    if not kept.elsewhere:
        path.unlink(missing_ok=True)
        return
    with replaced(path) as partial:
        partial.write_text(json.dumps(asdict(kept), indent=1), encoding="utf-8")
