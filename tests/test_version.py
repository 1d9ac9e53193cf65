"""The version is said in one place, and the changelog knows it."""

import re
import tomllib
from importlib.metadata import version

from tasks.checkout import CHECKOUT


def test_the_version_is_that_of_a_release_in_the_changelog() -> None:
    stated = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["version"]
    sections = re.findall(r"(?m)^## (\S+) \((\S+)\)$", (CHECKOUT / "CHANGELOG.md").read_text())
    released = [number for number, when in sections if when != "unreleased"]
    assert stated == released[0]
    assert version("textmill") == stated
