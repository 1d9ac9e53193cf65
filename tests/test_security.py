"""The floors of SECURITY.md hold in both lock files, but for what the page says of one extra."""

import re
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

CHECKOUT = Path(__file__).parents[1]
PAGE = (CHECKOUT / "SECURITY.md").read_text(encoding="utf-8")
FLOORS = {
    canonicalize_name(name): Version(floor)
    for name, floor in re.findall(r"^\| ([a-z0-9-]+) \| ([0-9.]+) \| .*$", PAGE, re.MULTILINE)
}
EXTRA = PAGE.partition("**One extra goes below a floor**")[2].partition("\n\n")[0]
ADVISORY = re.compile(r"CVE-\d{4}-\d{4,6}|PYSEC-\d{4}-\d+|GHSA(-[0-9a-z]{4}){3}")


def pins(name: str) -> dict[str, Version]:
    """The versions of a lock file by package."""
    lines = (CHECKOUT / name).read_text(encoding="utf-8").splitlines()
    return {
        canonicalize_name(package): Version(version)
        for package, version in (line.split("==") for line in lines if "==" in line)
    }


def below(lock: dict[str, Version]) -> set[str]:
    return {f"{name} {lock[name]}" for name, floor in FLOORS.items() if lock[name] < floor}


def test_every_floor_has_a_reason_that_can_be_looked_up() -> None:
    assert {"torch", "mlflow", "pyarrow", "jinja2"} <= FLOORS.keys()
    for name in FLOORS:
        (row,) = re.findall(rf"^\| {name} \| .*$", PAGE, re.MULTILINE)
        assert ADVISORY.search(row), row


def test_the_lock_is_at_or_above_every_floor() -> None:
    assert below(pins("constraints.txt")) == set()


def test_the_torchtext_lock_is_below_the_floors_that_the_page_names_and_no_other() -> None:
    assert below(pins("constraints-torchtext.txt")) == set(re.findall(r"brings (torch [0-9.]+)", EXTRA))


def test_a_version_below_its_floor_is_found() -> None:
    assert below(pins("constraints.txt") | {"h2": Version("4.4.0")}) == {"h2 4.4.0"}


@pytest.mark.parametrize(
    "name", ["torch.load(", "torch.jit", "torch.export", "import pickle", "weights_only", "allow_pickle=True"]
)
def test_nothing_calls_what_the_page_says_is_not_called(name: str) -> None:
    """Advisories are open, or a floor is broken by the extra, because of these."""
    calling = [
        path for folder in ("tasks", "flows") for path in (CHECKOUT / folder).rglob("*.py") if name in path.read_text("utf-8")
    ]
    on_the_wire = ["tasks/engine/remote.py"] if name == "import pickle" else []  # to workers of a cluster, where asked for
    assert [path.relative_to(CHECKOUT).as_posix() for path in calling] == on_the_wire
