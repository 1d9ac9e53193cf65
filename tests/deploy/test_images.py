"""What is under deploy/ without an engine: its files are read, and its commands run outside a container."""

from __future__ import annotations

import importlib.metadata
import json
import re
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from flows.commands.serve import parted
from flows.commands.settings import resolve_serve
from tasks.checkout import CHECKOUT
from tests.served import NAME, add_version, open_root, package, serving

if TYPE_CHECKING:
    from pathlib import Path

DEPLOY = CHECKOUT / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
INSTRUCTIONS = {"FROM", "ARG", "ENV", "WORKDIR", "COPY", "RUN", "VOLUME", "EXPOSE", "STOPSIGNAL", "USER", "ENTRYPOINT", "CMD"}
INSTRUCTIONS |= {"HEALTHCHECK"}
HEAVY = {"torch", "mlflow", "mlflow-skinny", "prefect", "pandas", "scikit-learn", "scipy", "transformers", "gensim"}
GIVEN = {"TEXTMILL_DATA": "/srv/textmill", "TEXTMILL_TOKEN_FILE": "/srv/token"}


def stages() -> dict[str, list[tuple[str, str]]]:
    """The instructions of each stage, with those of the stages that it comes from."""
    found: dict[str, list[tuple[str, str]]] = {}
    own: list[tuple[str, str]] = []
    lines = "\n".join(line for line in DOCKERFILE.splitlines() if not line.startswith("#"))
    for line in filter(None, re.sub(r"\\\n\s*", "", lines).splitlines()):
        word, _, rest = line.partition(" ")
        assert word in INSTRUCTIONS, line
        if word == "FROM":
            source, name = re.fullmatch(r"(\S+) AS (\S+)", rest).groups()
            own = found[name] = list(found.get(source, []))
        own.append((word, rest.strip()))
    return found


def last(stage: str, word: str) -> Any:
    return [rest for each, rest in stages()[stage] if each == word][-1]


def compose() -> dict[str, Any]:
    """The compose file, its variables replaced as compose does."""

    def value(match: re.Match[str]) -> str:
        name, sign, rest = re.fullmatch(r"(\w+)(?::([-?])(.*))?", match[1]).groups()
        assert name in GIVEN or sign == "-", f"{name} has no default"
        return GIVEN.get(name, rest or "")

    text = re.sub(r"\$\{([^}]+)\}", value, (DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    content: dict[str, Any] = yaml.safe_load(text)
    return content


def requirements() -> set[str]:
    lines = (DEPLOY / "serve-requirements.txt").read_text(encoding="utf-8").splitlines()
    return {line for line in lines if not line.startswith("#")}


@pytest.mark.parametrize("stage", ["serve", "full"])
def test_an_image_is_built_from_the_lock_by_any_index_and_does_not_run_as_root(stage: str) -> None:
    words = stages()[stage]
    assert "PIP_CONSTRAINT=/opt/textmill/constraints.txt" in dict(words)["ENV"] or any(
        "PIP_CONSTRAINT=" in rest for _, rest in words
    )
    assert ("ARG", 'PACKAGE_INDEX=""') in words
    installs = [rest for word, rest in words if word == "RUN" and "pip install" in rest]
    assert installs
    assert all('${PACKAGE_INDEX:+--index-url "${PACKAGE_INDEX}"}' in rest for rest in installs)
    assert last(stage, "USER") not in ("root", "0")
    assert re.fullmatch(r"python:3\.\d+-slim-\w+", next(rest for word, rest in words if word == "FROM").split()[0])


@pytest.mark.parametrize("stage", ["serve", "full"])
def test_what_an_image_copies_is_there_and_not_ignored(stage: str) -> None:
    ignore = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    allowed = [line.removeprefix("!") for line in ignore if line.startswith("!")]
    for rest in (rest for word, rest in stages()[stage] if word == "COPY"):
        for source in rest.split()[:-1]:
            assert (CHECKOUT / source).exists(), source
            assert any(fnmatch(source, each) for each in allowed), source


def test_the_list_for_serving_is_whole_locked_and_light() -> None:
    names = requirements()
    lock = {
        canonicalize_name(line.split("==")[0])
        for line in (CHECKOUT / "constraints.txt").read_text().splitlines()
        if "==" in line
    }
    assert names <= lock
    assert not names & HEAVY
    for name in names:
        for line in importlib.metadata.requires(name) or []:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                assert canonicalize_name(requirement.name) in names, f"{name} requires {requirement.name}"


def test_the_services_are_stages_and_listen_on_this_machine_alone() -> None:
    content = compose()
    for name, service in content["services"].items():
        assert service["build"]["target"] in stages(), name
        assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).is_file()
        assert service["build"]["args"] == {"PACKAGE_INDEX": ""}
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
    assert content["services"]["serve"]["volumes"] == ["/srv/textmill:/data:ro"]


def test_commands_of_images_and_services_are_ones_that_the_program_takes() -> None:
    for command in (json.loads(last("serve", "CMD")), compose()["services"]["serve"]["command"]):
        assert command[0] == "serve"
        model, knobs = parted(command[1:])
        assert model == "sample@champion"
        assert resolve_serve(knobs).serve.host == "0.0.0.0"


BLOCKER = """
import sys
from importlib.metadata import packages_distributions

allowed = set({names}) | {{"textmill"}}
of = packages_distributions()

class Blocker:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        owners = {{each.lower().replace("_", "-") for each in of.get(top, ())}}
        if owners and not owners & allowed:
            raise ModuleNotFoundError(f"{{top}} is not in the image", name=top)

sys.meta_path.insert(0, Blocker())
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with one version, made by another user and moved since."""
    folder = tmp_path_factory.mktemp("deploy")
    tracker = open_root(folder / "elsewhere")
    add_version(tracker, package(folder / "trained"))
    tracker.registry.set_alias(NAME, "champion", 1)
    tracker.close()
    (folder / "elsewhere").rename(folder / "root")
    return folder / "root"


@pytest.mark.long
def test_the_image_that_serves_n_grams_has_all_that_it_imports(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(BLOCKER.format(names=sorted(requirements())))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with serving(root, "--serve.host", "0.0.0.0", folder=tmp_path) as server:
        assert server.predict("profit rose", explain=True)["predictions"][0]["label"] == "positive"
        for path in ("/docs", "/openapi.json", "/metrics", "/ready"):
            assert server.ask(path)[0] == 200
        assert server.ask("/predict", b"{}")[0] == 400
        code = json.loads(last("serve", "HEALTHCHECK").partition("CMD ")[2])
        assert code[:2] == ["python", "-c"]
        exec(code[2].replace("8080", str(server.port)), {})
    assert "Traceback" not in (tmp_path / "errors").read_text()


def test_a_token_may_come_from_a_mounted_file(root: Path, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("a-token-of-twenty-letters\n")
    with serving(root, "--serve.token-file", str(token), folder=tmp_path) as server:
        server.token = token.read_text().strip()
        assert server.predict("profit rose")["model"] == {"name": NAME, "version": 1}
