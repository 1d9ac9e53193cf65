"""A bucket for MLflow's files: its server alone uses it, with credentials of its environment, and hands out files by HTTP."""

from __future__ import annotations

import os
import re
import uuid
from importlib.util import find_spec
from typing import Any

from tasks.errors import RequestError, UnavailableError
from tasks.shown import one_line
from tasks.store.shared.address import may_be_plain

FLAG = "--artifacts"
_FORM = re.compile(r"s3://([a-z0-9][a-z0-9.-]+)((?:/[A-Za-z0-9_=+-][A-Za-z0-9._=+-]*)*)/?")
_DENIED = ("AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "403", "ExpiredToken", "InvalidToken")
_MISSING = ("NoSuchBucket", "404")


def checked_artifacts(address: str) -> str:
    """The address without a slash at its end; RequestError for one that is none."""
    if not _FORM.fullmatch(address):
        raise RequestError(
            f"{FLAG} is not s3://BUCKET/PREFIX in letters, digits and . _ - = +; "
            "keys come from the environment (AWS_ACCESS_KEY_ID and so on)"
        )
    return address.rstrip("/")


def prepare_bucket(address: str) -> None:
    """See that an object can be written, read and deleted there.

    RequestError: boto3 is missing, there is no such bucket, or the environment's credentials may not do this. UnavailableError:
    nobody answers.
    """
    if find_spec("boto3") is None:
        raise RequestError(
            f"{FLAG} needs the package boto3, by which MLflow uses S3; run pip install 'textmill[mlflow-server]'"
        )
    may_be_plain()
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError

    found = _FORM.fullmatch(address)
    assert found is not None
    place: dict[str, Any] = {"Bucket": found[1], "Key": f"{found[2].strip('/')}/.textmill-{uuid.uuid4().hex}".lstrip("/")}
    settings = Config(connect_timeout=10, read_timeout=20, retries={"total_max_attempts": 2})
    region = os.environ.get("AWS_DEFAULT_REGION") or os.environ.get("AWS_REGION")
    endpoint = os.environ.get("MLFLOW_S3_ENDPOINT_URL")  # MLflow's own name for AWS_ENDPOINT_URL
    try:
        client = boto3.client("s3", config=settings, region_name=region, endpoint_url=endpoint)
        client.put_object(**place, Body=b"textmill")
        client.get_object(**place)["Body"].read()
        client.delete_object(**place)
    except (NoCredentialsError, PartialCredentialsError):
        raise RequestError(
            f"{FLAG} {address}: no credentials in the environment; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        ) from None
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in _MISSING:
            raise RequestError(f"{FLAG} {address}: there is no such bucket; make it, or correct the name") from None
        if code in _DENIED:
            raise RequestError(f"{FLAG} {address}: access denied ({code}); it needs put, get, list and delete") from None
        raise UnavailableError(f"{FLAG} {address} cannot be used ({one_line(error)[:200]})") from None
    except (BotoCoreError, ValueError) as error:
        raise UnavailableError(f"{FLAG} {address} does not answer ({one_line(error)[:200]})") from None
