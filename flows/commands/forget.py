"""`textmill forget`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands.options import DataRoot, Json, SharedStoreOption
from flows.commands.printing import complain, print_json, print_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.forget.forget import Plan
    from tasks.forget.models import Trained
    from tasks.forget.shared import Copies
    from tasks.progress import Progress
    from tasks.runtime import Runtime
    from tasks.tracking.home import TrackingHome

SHOWN = 5  # paths of a kind


def forget(
    text: Annotated[list[str] | None, typer.Option("--text", help="A text to forget; may be given again.")] = None,
    id_: Annotated[
        list[str] | None, typer.Option("--id", help="Forget the text that the corpora of the store have so.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--file", help="A list: a text a line, or a csv with a column text or id.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Delete; without it, only say what holds the texts.")] = False,
    as_json: Json = False,
    data_root: DataRoot = None,
    store: SharedStoreOption = None,
) -> None:
    """Find what holds a text, delete it, and refuse the text when it comes again."""
    from flows.commands.runtime import runtime_of
    from flows.display import Display
    from flows.servers.alone import alone
    from tasks.checkout import CHECKOUT
    from tasks.errors import RequestError
    from tasks.forget.asked import Listed, read_list
    from tasks.forget.shared import open_copies
    from tasks.tracking.home import files_home, tracking_home
    from tasks.writable import check_data_root

    listed = read_list(file) if file else Listed([], [])
    texts, ids = [*(text or []), *listed.texts], [*(id_ or []), *listed.ids]
    if not texts and not ids:
        raise RequestError("nothing to forget: give --text TEXT, --id ID or --file LIST")
    runtime = runtime_of(data_root, store)
    if not runtime.data_root.is_dir():
        raise RequestError(f"--runtime.data-root {runtime.data_root}: no such folder; correct the path")
    home = tracking_home(runtime.tracking_uri, runtime.data_root, CHECKOUT)
    files = files_home(runtime.data_root, CHECKOUT) if home.ours else home
    shared = open_copies(runtime)
    with Display() as display:
        progress = display.progress("look")
        if not yes:
            result = _dry_run(runtime, home, texts, ids, shared, progress)
        else:
            check_data_root(runtime.data_root)

            def waiting() -> None:
                complain("waiting for the Prefect server of the last run to end")

            with alone(runtime.data_root, files.folder, waiting=waiting) as states:
                result = _forget(runtime, home, texts, ids, states, shared, progress)
    if as_json:
        print_json(result)
    else:
        _print(result)
    if result.get("left"):
        raise typer.Exit(1)


def _dry_run(
    runtime: Runtime, home: TrackingHome, texts: list[str], ids: list[str], shared: Sequence[Copies], progress: Progress
) -> dict[str, Any]:
    plan = _planned(runtime, home, texts, ids, shared, progress)
    if plan is None:
        return _nothing(ids)
    return {"done": False, **_told(plan, runtime, home), **_of_buckets(shared)}


def _forget(
    runtime: Runtime,
    home: TrackingHome,
    texts: list[str],
    ids: list[str],
    states: Any,
    shared: Sequence[Copies],
    progress: Progress,
) -> dict[str, Any]:
    from tasks.forget.databases import refuse_held
    from tasks.forget.forget import carry_out, note
    from tasks.forget.forgotten import remember
    from tasks.forget.where import DATABASES

    plan = _planned(runtime, home, texts, ids, shared, progress)
    if plan is None:
        note(runtime.data_root, "done", remember(runtime.data_root, []), [], ids)
        return _nothing(ids)
    for database in plan.units(*DATABASES):
        refuse_held(database)
    told = _told(plan, runtime, home)  # before the corpora are gone
    done = carry_out(plan, states, ids=ids, progress=progress, shared=shared)
    return {"done": True, **told, **done, **_of_buckets(shared)}


def _of_buckets(shared: Sequence[Copies]) -> dict[str, Any]:
    """What was deleted in buckets, and what of them cannot be read; nothing where there is none."""
    if not shared:
        return {}
    damaged = [f"{copies.address} {step}/{key}" for copies in shared for step, key in copies.damaged]
    records = [f"{copies.address} {place}" for copies in shared for place in copies.records]
    return {
        "shared": {copies.address: copies.deleted for copies in shared},
        "shared_damaged": damaged,
        "shared_records": records,
    }


def _planned(
    runtime: Runtime, home: TrackingHome, texts: list[str], ids: list[str], shared: Sequence[Copies], progress: Progress
) -> Plan | None:
    """The plan; None where ids are all that is given, and all of their texts were forgotten before."""
    from flows.servers.server import Server
    from tasks.checkout import CHECKOUT
    from tasks.errors import RequestError
    from tasks.forget.asked import texts_by_id
    from tasks.forget.forget import corpora, forgotten_ids, make_plan
    from tasks.forget.shared import bring_all, look_there
    from tasks.forget.where import Roots
    from tasks.tracking.home import files_home

    bring_all(runtime, shared, progress)
    files = files_home(runtime.data_root, CHECKOUT) if home.ours else home
    roots = Roots(runtime.data_root, files.folder, Server(runtime.data_root).home, files.database)
    known = texts_by_id(corpora(roots), ids) if ids else {}
    gone = forgotten_ids(runtime.data_root, ids) if ids else set()
    if unknown := [each for each in ids if each not in known and each not in gone]:
        raise RequestError(f"--id {unknown[0]}: no corpus in {roots.data_root / 'store'} has a row of this id; give its --text")
    every = [*texts, *known.values()]
    if not every:
        return None
    plan = make_plan(roots, every, progress=progress)
    look_there(shared, plan.wanted)
    return plan


def _nothing(ids: Sequence[str]) -> dict[str, Any]:
    return {"done": True, "texts": 0, "rows": 0, "ids_forgotten_before": list(ids), "found": {}}


def _told(plan: Plan, runtime: Runtime, home: TrackingHome) -> dict[str, Any]:
    """What a plan found, as JSON values."""
    models = _models(plan, runtime, home)
    elsewhere = [home.uri] if home.database is None else []
    return {
        "data_root": str(runtime.data_root),
        "texts": len(plan.wanted.texts),
        "rows": plan.rows,
        "files": plan.looked.files,
        "found": {kind: list(map(str, paths)) for kind, paths in plan.holding().items()},
        "made_from": list(map(str, plan.made_from)),
        "models": [
            {"name": each.name, "version": each.version, "aliases": list(each.aliases), "problem": each.problem}
            for each in models
        ],
        "yours": [str(each.place.path) for each in plan.yours.found],
        "unread": {str(path): reason for path, reason in {**plan.looked.unread, **plan.yours.unread}.items()},
        "not_looked_at": elsewhere + _kept_elsewhere(runtime) + _other_prefect(),
    }


def _models(plan: Plan, runtime: Runtime, home: TrackingHome) -> list[Trained]:
    from tasks.checkout import CHECKOUT
    from tasks.forget.models import trained_on
    from tasks.tracking.tracker import open_to_read

    if home.database is not None and not home.database.exists():
        return []
    return trained_on(open_to_read(runtime.tracking_uri, runtime.data_root, CHECKOUT), plan.wanted.texts)


def _kept_elsewhere(runtime: Runtime) -> list[str]:
    """The database and the bucket of the servers of `textmill up`."""
    from tasks.tracking.kept import read_kept

    kept = read_kept(runtime.data_root)
    return [place for place in (kept.database, kept.artifacts) if place]


def _other_prefect() -> list[str]:
    from flows.servers.server import configured_endpoint

    endpoint = configured_endpoint()
    return [endpoint.url] if endpoint else []


_DONE_TO = {
    "artifacts": "deleted whole; the next run builds them again",
    "monitors": "without these documents",
    "MLflow database": "without these rows",
    "Prefect database": "without these rows",
    "run records": "without these values",
    "spooled calls": "without these values",
    "logs": "without these lines",
    "registered models": "left: see below",
    "your own files": "left as they are",
}


def _print(result: dict[str, Any]) -> None:
    """Print what was found by kind, and what is to be done by hand."""
    if before := result.get("ids_forgotten_before"):
        print_line(f"forgotten before: {', '.join(before)}; the corpora that had these ids are gone, so nothing is looked for")
        return
    root = f"{result['data_root']}/"
    for kind, paths in result["found"].items():
        print_line(f"{kind:<18} {len(paths):>5,}  {_DONE_TO.get(kind, 'deleted')}")
        for path in paths[:SHOWN]:
            print_line(f"{'':<18} {'':>5}  {path.removeprefix(root)}")
        if len(paths) > SHOWN:
            print_line(f"{'':<18} {'':>5}  and {len(paths) - SHOWN:,} more, which --json lists")
    if result["made_from"]:
        print_line(f"{'made from these':<18} {len(result['made_from']):>5,}  artifacts deleted; the next run builds them again")
    for each in result["models"]:
        aliases = f" ({', '.join(each['aliases'])})" if each["aliases"] else ""
        told = each["problem"] or "was trained on it: train again, its weights stay as they are"
        print_line(f"model              {each['name']} version {each['version']}{aliases} {told}")
    for path in result["yours"]:
        print_line(f"your own file      {path} holds it, and is left as it is")
    for path, why in result["unread"].items():
        print_line(f"not read           {path} ({why})")
    for place in result["not_looked_at"]:
        print_line(f"not looked at      {place}: delete there what it has")
    for place in result.get("shared_damaged", ()):
        print_line(f"not read           {place} is damaged{': deleted' if result['done'] else ''}")
    for place in result.get("shared_records", ())[:SHOWN]:
        print_line(f"bucket's record    {place}{': without these values' if result['done'] else ''}")
    if len(result.get("shared_records", ())) > SHOWN:
        print_line(f"{'':<18} and {len(result['shared_records']) - SHOWN:,} more, which --json lists")
    for address, number in result.get("shared", {}).items():
        done = f"{number:,} artifacts deleted there; " if result["done"] else ""
        print_line(
            f"bucket             {address}: {done}other hosts delete their copies of its artifacts at their next run; their "
            "own corpora, monitors and records are not reached: run this on each"
        )
    _print_end(result)


def _print_end(result: dict[str, Any]) -> None:
    number = sum(map(len, result["found"].values()))
    rows = f"{result['rows']:,} rows hold {result['texts']:,} text{'s' * (result['texts'] != 1)}"
    if not result["done"]:
        print_line(
            f"looked through {result['files']:,} files: {rows}, found in {number:,}; nothing is deleted: add --yes to delete"
        )
        return
    for place in result["kept_rows"]:
        print_line(f"left               {place}: a row that names a run, a model or a schedule; delete that by hand")
    for path in result["left"]:
        print_line(f"left               {path}: repeat the command")
    left = len(result["left"])
    print_line(f"{rows}; looked through {result['files']:,} files afterwards, found in {left:,}")
