"""Hostile labels and names stay inert in the numbers, on the page and in the log."""

import io
import json
import re

import pytest

from tasks.register.models import LoadedModel
from tasks.serve import described
from tasks.serve.access_log import Log
from tasks.serve.app import ModelServer
from tasks.serve.meters import Meters
from tasks.serve.predictions import Labelled
from tasks.serve.settings import ServeSettings
from tasks.serve.versions import Wanted

HOSTILE = '<script>alert("1")</script>"} 1\ntextmill_forged 1\\'


class Following:
    """A version that answers and is followed by nobody."""

    def __init__(self, loaded: LoadedModel) -> None:
        self.served, self.problem, self.pointed, self.wanted = loaded, None, loaded.version, Wanted(loaded.name, "champion")


@pytest.fixture
def server(loaded: LoadedModel) -> ModelServer:
    return ModelServer(Following(loaded), ServeSettings(), Log(None))  # type: ignore[arg-type]


def test_a_label_cannot_forge_a_line_of_the_numbers() -> None:
    meters = Meters()
    meters.labelled(Labelled([{"label": HOSTILE}], 1, 0))
    meters.serves(HOSTILE, 1, current=True)
    lines = [line for line in meters.page().decode().splitlines() if line[0] != "#"]
    assert not [line for line in lines if line.startswith("textmill_forged")]
    escaped = HOSTILE.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    assert f'textmill_labels_total{{label="{escaped}"}} 1.0' in lines
    assert f'textmill_model_version{{name="{escaped}"}} 1.0' in lines


def test_the_page_shows_the_document_escaped(server: ModelServer) -> None:
    document = server.app.app.openapi()
    document["info"]["title"] = HOSTILE
    document["paths"]["/predict"]["post"]["summary"] = HOSTILE
    page = described.page(document)
    assert "<script" not in page
    assert page.count("&lt;script&gt;") == 3  # the title is there twice


def test_the_page_loads_nothing_and_has_every_path_and_example(server: ModelServer) -> None:
    page = described.page(server.app.app.openapi())
    assert not re.search(r"<(script|link|img|iframe|form)|src=|url\(|https?://|@import", page)
    for path in ("/predict", "/invocations", "/ping", "/health", "/ready", "/metrics"):
        assert f"</span> {path}</h2>" in page
    for example in described.INVOCATIONS["requestBody"]["content"]["application/json"]["examples"]:
        assert example in page


def test_the_document_is_one_of_openapi_with_an_example_of_each_body(server: ModelServer) -> None:
    document = server.app.app.openapi()
    assert document["openapi"].startswith("3.")
    for path, read in described.POSTS.items():
        content = document["paths"][path]["post"]["requestBody"]["content"]
        assert content["application/json"]["examples"]
        assert read["post"]["responses"].keys() >= {"200", "400", "413", "415", "503"}


def test_a_line_of_the_log_is_ascii_and_one_line() -> None:
    written = io.StringIO()
    Log(written).write("request", path="/\x1b[31m\u202e\n", client="\u2028")
    Log(written).write("request", path="/\x1b[31m\n", client="127.0.0.1")
    lines = written.getvalue().splitlines()
    assert len(lines) == 2
    assert written.getvalue().isascii()
    assert "\x1b" not in written.getvalue()
    assert json.loads(lines[0])["path"] == "/\x1b[31m\u202e\n"


def test_a_log_that_nobody_reads_stops_nothing() -> None:
    closed = io.StringIO()
    closed.close()
    log = Log(closed)
    log.write("request")
    log.write("request")
