"""A bucket for MLflow's files: tried before its server starts."""

import pytest

from flows.servers.server import free_port
from tasks.errors import RequestError, UnavailableError
from tasks.tracking.bucket import checked_artifacts, prepare_bucket
from tests.s3 import s3_server


@pytest.mark.parametrize("address", ["gs://team/x", "s3://", "s3://team/../x", "s3://key:word@team/x", "/mnt/team"])
def test_what_is_no_bucket_is_refused(address: str) -> None:
    with pytest.raises(RequestError, match="is not s3://BUCKET/PREFIX"):
        checked_artifacts(address)


def test_a_bucket_is_tried_with_an_object(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(RequestError, match="no credentials in the environment"):
        prepare_bucket("s3://team/mlflow")
    with s3_server() as server:
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        with pytest.raises(RequestError, match="there is no such bucket"):
            prepare_bucket("s3://nosuch/mlflow")
        server.make()
        prepare_bucket(checked_artifacts("s3://team/mlflow/"))
        prepare_bucket("s3://team")
        assert server.places("") == []
    with pytest.raises(UnavailableError, match="does not answer"):
        prepare_bucket("s3://team/mlflow")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://storage.example")
    with pytest.raises(RequestError, match="texts would travel in clear"):
        prepare_bucket("s3://team/mlflow")
