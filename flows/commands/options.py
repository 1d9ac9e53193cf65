"""The options that several verbs have, and what one call of the command carries from verb to verb's end."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from flows.servers.server import Server

Json = Annotated[bool, typer.Option("--json", help="Print exactly one JSON object on stdout.")]
Model = Annotated[str | None, typer.Option("--model", help="NAME@ALIAS or NAME/VERSION; default: the last promoted champion.")]
DataRoot = Annotated[Path | None, typer.Option("--runtime.data-root", help="Folder of the store and the runs.")]
SharedStoreOption = Annotated[
    str | None, typer.Option("--runtime.store", metavar="URL", help="Bucket that hosts share artifacts in.")
]
EngineOption = Annotated[
    str | None,
    typer.Option("--runtime.engine", metavar="local|dask", help="What labels a large input: processes here, or a cluster."),
]
Address = Annotated[
    str | None, typer.Option("--runtime.address", metavar="tls://HOST:PORT", help="With dask: the address of its scheduler.")
]
TlsCa = Annotated[Path | None, typer.Option("--runtime.tls-ca", help="With tls://: certificate of the authority (PEM).")]
TlsCert = Annotated[Path | None, typer.Option("--runtime.tls-cert", help="With tls://: certificate of this host (PEM).")]
TlsKey = Annotated[Path | None, typer.Option("--runtime.tls-key", help="With tls://: private key of that certificate (PEM).")]
File = Annotated[Path | None, typer.Option("--config", help="A TOML file in the form of a preset.")]
MaxError = Annotated[
    float | None,
    typer.Option(
        "--max-error", help="Answer only where at most this share of the answers is wrong; else the label is left empty."
    ),
]
EachLabel = Annotated[
    bool, typer.Option("--each-label", help="Promise --max-error of every label's answers, not of all together.")
]
ByCost = Annotated[
    bool, typer.Option("--by-cost", help="Give the label that is cheapest to expect, by the costs that the model carries.")
]
WatchListFile = Annotated[
    Path | None, typer.Option("--watch-list", help="A TOML file of names: show the sentiment towards each that a text has.")
]
Companies = Annotated[
    Path | None, typer.Option("--companies", help="The same of a CSV file with the columns name, aliases, codes.")
]
Help = Annotated[bool, typer.Option("--help", "-h", help="Show every knob and exit.")]
ONE_MODEL = "Only this model."

# Verbs that take knobs hand what typer does not know to flows/commands/settings.py.
TAKES_KNOBS: dict[str, Any] = {"context_settings": {"allow_extra_args": True, "ignore_unknown_options": True}}
OWN_HELP: dict[str, Any] = {"add_help_option": False}


@dataclass
class Session:
    """One call of the command: when it began, and the Prefect servers that its runs used."""

    started: float = field(default_factory=time.time)
    servers: list[Server] = field(default_factory=list)

    @property
    def server_lost(self) -> bool:
        """Whether a server went away during a run, so that Prefect's threads would go on trying to reach it."""
        return any(server.lost for server in self.servers)
