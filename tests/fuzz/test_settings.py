"""Options, variables and TOML of any form: a configuration that is read back as itself, or one line that says why not."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flows.commands.settings import PREFIX, knobs, resolve, resolve_refresh
from tasks.config import PipelineConfig, RefreshConfig
from tasks.errors import RequestError
from tasks.notify.channels_file import read_channels
from tasks.score.watch import WatchList
from tests.examples import examples
from tests.fuzz.bounded import bounded, pieces, refused, texts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FLAGS = {model: [flag for flag, *_ in knobs(model)] for model in (PipelineConfig, RefreshConfig)}
FEW = examples(10)  # resolving takes tens of milliseconds
MODELS = st.sampled_from([PipelineConfig, RefreshConfig])
VALUES = texts(
    "0 1 -1 1e9 1e999 nan inf 0x1f 1_000 true false null None [] {} [1,2] {'a':1} , = ~ ~nobody/x ~/x .. / auto full english "
    'utf-8 idna undefined a.csv http://x/${ME} http://u:w@h/ 2020-07-18 UTC ../UTC DMY \\ " \0 \n \x85 \ud83d \uff20 \u0663 '
    "name@champion -- --x @file"
)
TOML = pieces(
    b'[ingest]\n|[finetune]\n|[collect]\n|[names]\n|[patterns]\n|[desk]\n|text = "a"\n|kind = "file"\n|kind = "webhook"\n'
    b'|path = "x"\n|url = "env:X"\n|epochs = |1|-|9999999999|1e400|nan|1979-05-27T07:32:00|"|\'|"""|\\u0000|\\ud800|[|]|[[|]]|{'
    b'|}|=|.|,|#|\n|\r|\t| |a|a.b|["(", "x"]|"(a|"a|b"|["Shell"]|[""]|true|\xff|\xef\xbb\xbf|0x|' + b"9" * 5000
)
LONG_NUMBER, DEEP = b"a = " + b"9" * 5000, b"a = " + b"[" * 5000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the files of all examples lie, which are many."""
    return tmp_path_factory.mktemp("settings")


@contextlib.contextmanager
def one_line() -> Iterator[None]:
    """A block that ends well, or in a refusal that is one line."""
    try:
        yield
    except RequestError as error:
        refused(error)


def read_back(config: Any) -> None:
    """Prefect stores a configuration as JSON and a worker reads it from there."""
    assert type(config).model_validate_json(config.model_dump_json()) == config


@FEW
@given(MODELS, st.data())
def test_any_options(model: Any, data: Any) -> None:
    flags = st.sampled_from(FLAGS[model]) | VALUES.map(lambda text: f"--{text}") | VALUES
    pairs = data.draw(st.lists(st.tuples(flags, VALUES) | st.tuples(flags), max_size=4))
    arguments = [word for pair in pairs for word in pair]
    with one_line(), bounded(sum(map(len, arguments))):
        read_back((resolve if model is PipelineConfig else resolve_refresh)(arguments))


@FEW
@given(MODELS, st.data())
def test_any_variables(model: Any, data: Any) -> None:
    names = st.sampled_from(FLAGS[model]).map(lambda flag: PREFIX + flag[2:].replace("-", "_").replace(".", "__").upper())
    sections = st.sampled_from([f"{PREFIX}{name}".upper() for name in model.model_fields]) | VALUES.map(
        lambda text: PREFIX + text
    )
    variables = data.draw(st.dictionaries(names | sections, VALUES, max_size=4))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            with contextlib.suppress(ValueError, UnicodeEncodeError):  # no environment can hold it
                patch.setenv(name, value)
        with one_line():
            read_back((resolve if model is PipelineConfig else resolve_refresh)([]))


@FEW
@given(MODELS, TOML)
@example(PipelineConfig, LONG_NUMBER)
@example(PipelineConfig, DEEP)
def test_any_toml(folder: Path, model: Any, data: Any) -> None:
    path = folder / "any.toml"
    path.write_bytes(data)
    with one_line(), bounded(len(data)):
        read_back((resolve if model is PipelineConfig else resolve_refresh)([], file=path))


@example(LONG_NUMBER, "")
@example(DEEP, "")
@given(TOML, texts("Shell a b warning ( \0 \ud83d é"))
def test_any_watch_list(folder: Path, data: Any, text: str) -> None:
    path = folder / "watch.toml"
    path.write_bytes(data)
    with one_line(), bounded(len(data)):
        found = WatchList.load(path)
        if text.isprintable():
            assert set(found.find([text])[0]) <= set(found.entries)


@given(TOML)
@example(LONG_NUMBER)
@example(DEEP)
def test_any_file_of_channels(folder: Path, data: Any) -> None:
    path = folder / "channels.toml"
    path.touch(mode=0o600)
    path.write_bytes(data)
    os.environ.pop("X", None)
    notify = RefreshConfig().notify.model_copy(update={"channels": path})
    with one_line(), bounded(len(data)):
        names = [channel.name for channel in read_channels(notify)]
        assert len(set(names)) == len(names)
