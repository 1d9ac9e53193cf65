"""Whether the libraries of the extra are there, without importing them."""

from __future__ import annotations

import importlib.util

from tasks.errors import RequestError

LIBRARIES = ("transformers", "tokenizers")


def check_installed() -> None:
    """RequestError that names the first library that is missing, and how to install it."""
    for name in LIBRARIES:
        if importlib.util.find_spec(name) is None:
            raise RequestError(f"language models need {name}, which is not installed; run pip install 'textmill[encoder]'")
