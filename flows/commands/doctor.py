"""`textmill doctor`; the checks are in health.py."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.commands.options import Address, DataRoot, EngineOption, Json, SharedStoreOption, TlsCa, TlsCert, TlsKey
from flows.commands.printing import print_json, print_line


def doctor(
    dismiss: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Take the last failed run of this model for known.")
    ] = None,
    as_json: Json = False,
    data_root: DataRoot = None,
    store: SharedStoreOption = None,
    engine: EngineOption = None,
    address: Address = None,
    tls_ca: TlsCa = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
) -> None:
    """Check versions, servers, the store and the last runs."""
    from flows.commands import health
    from flows.commands.runtime import runtime_of

    runtime = runtime_of(data_root, store, engine=engine, address=address, tls_ca=tls_ca, tls_cert=tls_cert, tls_key=tls_key)
    if dismiss:
        health.dismiss(runtime.data_root, dismiss)
    checks = health.diagnose(runtime)
    healthy = all(check["ok"] for check in checks)
    if as_json:
        print_json({"healthy": healthy, "checks": checks})
    else:
        for check in checks:
            print_line(f"{'ok  ' if check['ok'] else 'FAIL'}  {check['name']:<22} {check['detail']}")
    if not healthy:
        raise typer.Exit(1)
