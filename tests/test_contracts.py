"""The contract of the served folder names every module and room of the project but itself and the errors."""

from __future__ import annotations

import tomllib

from tasks.checkout import CHECKOUT


def test_the_served_folder_may_import_no_module_but_the_errors() -> None:
    contracts = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (served,) = (each for each in contracts if each["source_modules"] == ["tasks.model"])
    inside = {path.name.removesuffix(".py") for path in (CHECKOUT / "tasks").iterdir() if path.suffix == ".py" or path.is_dir()}
    expected = {f"tasks.{name}" for name in inside - {"__init__", "__pycache__", "errors", "model"}} | {"flows"}
    assert set(served["forbidden_modules"]) == expected
