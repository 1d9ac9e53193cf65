"""Which deployments run the code of another checkout, and what is said of them."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flows.commands.health import deployments
from flows.servers.deployed import deploy_again
from tasks.checkout import CHECKOUT

WORKING = "prefect.deployments.steps.set_working_directory"


def deployed(code: Path, data_root: Path) -> Any:
    parameters = {"config": {"runtime": {"data_root": str(data_root)}}}
    return SimpleNamespace(parameters=parameters, pull_steps=[{WORKING: {"directory": str(code)}}])


def test_deployments_of_an_older_clone_are_named_with_the_remedy(tmp_path: Path) -> None:
    root, old = tmp_path / "root", tmp_path / "old clone"
    old.mkdir()
    there = {"train/news": deployed(old, root), "refresh/desk": deployed(CHECKOUT, root)}
    assert deploy_again(there, root) == (
        f"train/news still run the code in {old}: deploy again (textmill deploy) to run that in {CHECKOUT}"
    )
    there["watch/desk"] = deployed(tmp_path / "removed", root)
    assert f"{tmp_path / 'removed'}, which is gone" in deploy_again(there, root)


def test_deployments_of_this_clone_and_of_other_data_roots_are_not(tmp_path: Path) -> None:
    root = tmp_path / "root"
    own = SimpleNamespace(parameters={}, pull_steps=None)
    there = {"train/news": deployed(CHECKOUT, root), "train/other": deployed(tmp_path, tmp_path), "own/flow": own}
    assert deploy_again(there, root) == ""


@pytest.mark.usefixtures("prefect_server")
def test_doctor_says_deploy_again(tmp_path: Path) -> None:
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        flow = client.create_flow_from_name("train")
        made = client.create_deployment(
            flow,
            "of-an-old-clone",
            parameters={"config": {"runtime": {"data_root": str(tmp_path)}}},
            pull_steps=[{WORKING: {"directory": str(tmp_path / "old")}}],
            enforce_parameter_schema=False,
        )
        said = deployments(tmp_path)
        client.delete_deployment(made)
    assert f"train/of-an-old-clone still run the code in {tmp_path / 'old'}, which is gone: deploy again" in said
