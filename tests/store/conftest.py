"""Hosts that share a bucket: folders of their own, one memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.s3 import S3, s3_server

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def s3() -> Iterator[S3]:
    """A real S3 server on this machine, with a bucket."""
    with s3_server() as server:
        server.make()
        yield server
