"""Fetch a model of the Hugging Face hub by its commit. In goes NAME@COMMIT, out come its files, each as the hub's list says.

A branch moves, so it is refused with the commit that it is at. Without a network a copy that the library has cached is used.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tasks.errors import RequestError, UnavailableError
from tasks.store.digests import sha256_file
from tasks.weights.files import used_files

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.progress import Progress

COMMIT = re.compile(r"[0-9a-f]{40}")


def fetch(place: str, flag: str, folder: Path, progress: Progress, *, endpoint: str | None = None) -> None:
    """Copy the files that are used into `folder`. RequestError for a name or commit that the hub does not have.

    UnavailableError if the hub cannot be asked; both say what to do.
    """
    from huggingface_hub import HfApi, hf_hub_download
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError
    from huggingface_hub.utils import disable_progress_bars

    disable_progress_bars()
    name, _, revision = place.partition("@")
    try:
        listed = HfApi(endpoint=endpoint).model_info(name, revision=revision, files_metadata=True)
    except (RepositoryNotFoundError, RevisionNotFoundError):
        raise RequestError(f"{flag} {place}: the hub has no such model or commit; correct it") from None
    except Exception as error:  # each version of the library has its own
        raise UnavailableError(_unreachable(place, flag, error)) from error
    if not COMMIT.fullmatch(revision):
        raise RequestError(f"{flag} {place}: {revision} is a branch or a tag, which may move; write {name}@{listed.sha}")
    digests = {file.rfilename: getattr(file.lfs, "sha256", None) for file in listed.siblings or ()}
    names = used_files(digests, f"{flag} {place}")
    for number, file in enumerate(names):
        progress.advance(number, len(names), "files", f"fetching {file}")
        try:
            hf_hub_download(name, file, revision=revision, local_dir=folder, endpoint=endpoint)
        except Exception as error:
            raise UnavailableError(_unreachable(place, flag, error)) from error
        if digests[file] is not None and sha256_file(folder / file) != digests[file]:
            raise UnavailableError(f"{flag} {place}: {file} came with other bytes than the hub lists; run it again")


def _unreachable(place: str, flag: str, error: Any) -> str:
    name, _, revision = place.partition("@")
    pinned = f" --revision {revision}" if COMMIT.fullmatch(revision) else ""
    return (
        f"{flag} {place}: the hub does not answer ({type(error).__name__}); try again later, or on a machine "
        f"that reaches it run hf download {name}{pinned} --local-dir FOLDER, and give {flag} FOLDER"
    )
