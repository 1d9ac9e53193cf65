"""The engines that there are, by name. A new one is one file with a class as `Engine` has it, and one line here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.durable import num_cores
from tasks.engine.local import LocalPool

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Literal

    from tasks.engine.dask_cluster import DaskCluster
    from tasks.engine.engine import Arguments, Engine
    from tasks.runtime import Runtime


def open_engine(workers: int | Literal["auto"] = "auto") -> LocalPool:
    """The processes of this machine, so many; auto is one for every core that this process may use."""
    return LocalPool(num_cores() if workers == "auto" else workers)


def engine_of(runtime: Runtime) -> Engine:
    """The engine that a run is to work with; nothing is connected to yet."""
    return ENGINES[runtime.engine](runtime)


def check_engine(runtime: Runtime, folder: Path | None = None, *, look: Arguments | None = None) -> str:
    """See before a run starts that its engine is there, and that every worker reads and writes `folder`; what it is, in words.

    `look` is a function with its arguments that each worker of a cluster calls too. RequestError or UnavailableError says in
    one line what is wrong.
    """
    if runtime.engine == "local":
        return f"{open_engine(runtime.workers).workers} processes of this machine"
    return _cluster(runtime).check(folder, look=look)


def _cluster(runtime: Runtime) -> DaskCluster:
    from tasks.engine.dask_cluster import DaskCluster
    from tasks.engine.knock import Certificates

    assert runtime.address is not None
    files = None
    if runtime.tls_ca is not None and runtime.tls_cert is not None and runtime.tls_key is not None:
        files = Certificates(runtime.tls_ca, runtime.tls_cert, runtime.tls_key)
    return DaskCluster(runtime.address, files)


ENGINES: dict[str, Callable[[Runtime], Engine]] = {
    "local": lambda runtime: open_engine(runtime.workers),
    "dask": _cluster,
}
