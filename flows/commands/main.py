"""The `textmill` command: puts the verbs together, and turns what went wrong into one line and an exit code.

Exit codes: 0 done (a refused promotion too), 1 the run failed, 2 the request or its input was wrong. Results go to stdout,
everything else to stderr. Each verb has a file in this folder. Heavy libraries are imported inside the verbs, so that help is
quick.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, NoReturn

import typer

from flows.commands import (
    deploy,
    doctor,
    folds,
    forget,
    gc,
    generate,
    label,
    language,
    models,
    monitor,
    notify,
    predict,
    refresh,
    review,
    score,
    serve,
    streams,
    sweep,
    train,
    tune,
    up,
    vectors,
)
from flows.commands.options import OWN_HELP, TAKES_KNOBS, Session
from flows.commands.printing import complain
from tasks.errors import RequestError, UnavailableError
from tasks.shown import in_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

STARTED = time.time()
NOT_ALLOWED = (errno.EACCES, errno.EPERM, errno.EROFS)
INTERRUPTED = 130  # as a shell says it: 128 + SIGINT
TITLE = "A labelled corpus in; an evaluated, registered and monitored text classifier out."


class Verb(NamedTuple):
    """A function that typer makes a verb of, and how: see `typer.Typer.command`."""

    function: Callable[..., None]
    how: Mapping[str, Any] = {}


GROUPS = {
    "models": "List, verify, export, promote and roll back registered models.",
    "language": "Train language models; textmill generate lets one write.",
    "vectors": "Judge word vectors, and hand trained ones to other programs.",
    "monitor": "List a monitor's alerts, mute what is known, acknowledge what was seen, sum up a week.",
    "notify": "Try the channels that alerts are sent to.",
    "label": "Import labels that people gave (textmill label FILE), list the imports, undo one.",
}
CLASSES = {"label": label.LabelGroup}  # of groups that take more than their verbs
# In the order of the help; the first of two words names a group.
VERBS = {
    "train": Verb(train.train, TAKES_KNOBS | OWN_HELP),
    "folds": Verb(folds.folds, TAKES_KNOBS | OWN_HELP),
    "tune": Verb(tune.tune, TAKES_KNOBS | OWN_HELP),
    "sweep": Verb(sweep.sweep, TAKES_KNOBS | OWN_HELP),
    "refresh": Verb(refresh.refresh, TAKES_KNOBS | OWN_HELP),
    "predict": Verb(predict.predict),
    "score": Verb(score.score),
    "review": Verb(review.review),
    "label import": Verb(label.import_),
    "label list": Verb(label.list_),
    "label undo": Verb(label.undo),
    "serve": Verb(serve.serve, TAKES_KNOBS | OWN_HELP),
    "generate": Verb(generate.generate),
    "doctor": Verb(doctor.doctor),
    "gc": Verb(gc.gc),
    "forget": Verb(forget.forget),
    "up": Verb(up.up),
    "deploy": Verb(deploy.deploy, TAKES_KNOBS),
    "undeploy": Verb(deploy.undeploy),
    "down": Verb(up.down),
    "language train": Verb(language.train, TAKES_KNOBS | OWN_HELP),
    "models list": Verb(models.list_versions),
    "models verify": Verb(models.verify),
    "models export": Verb(models.export),
    "models promote": Verb(models.promote),
    "models rollback": Verb(models.rollback),
    "vectors export": Verb(vectors.export),
    "vectors projector": Verb(vectors.projector),
    "vectors report": Verb(vectors.report),
    "monitor alerts": Verb(monitor.alerts),
    "monitor mute": Verb(monitor.mute),
    "monitor unmute": Verb(monitor.unmute),
    "monitor acknowledge": Verb(monitor.acknowledge),
    "monitor digest": Verb(monitor.digest, TAKES_KNOBS),
    "notify test": Verb(notify.send_test, TAKES_KNOBS),
}


def make_app() -> typer.Typer:
    """Put the command together from the table of verbs."""
    made = typer.Typer(
        name="textmill",
        help=TITLE,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    made.callback()(textmill)
    groups = {name: typer.Typer(help=text, no_args_is_help=True, cls=CLASSES.get(name)) for name, text in GROUPS.items()}
    for name, group in groups.items():
        made.add_typer(group, name=name)
    for name, verb in VERBS.items():
        group_name, _, last = name.rpartition(" ")
        (groups[group_name] if group_name else made).command(last, **verb.how)(verb.function)
    return made


def _print_version(wanted: bool) -> None:
    if wanted:
        import importlib.metadata

        print(f"textmill {importlib.metadata.version('textmill')}")  # noqa: T201
        raise typer.Exit


def textmill(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Show the version and exit.")
    ] = False,
) -> None:
    """A labelled corpus in; an evaluated, registered and monitored text classifier out."""


app = make_app()


def main() -> NoReturn:
    """Run the command and turn what went wrong into one line and an exit code."""
    # Waiting threads that spin take the cores from those that work: at a load of 7 on 2 cores, fine-tuning the sample took over
    # 60 s with them and 17 s without.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    streams.prepare()
    try:
        Path.home()
    except RuntimeError:  # a user whom /etc/passwd does not have; libraries ask for it as they are imported
        os.environ["HOME"] = "/"  # as containers have it
    session = Session(STARTED)
    try:
        # Outside of standalone mode typer returns the code of an Exit, and 130 for Ctrl-C, instead of raising them.
        with _own_warnings():
            code = app(standalone_mode=False, obj=session) or 0
        if code == INTERRUPTED:
            raise KeyboardInterrupt
    except (Exception, KeyboardInterrupt) as error:
        message, code = ending(error)
        if code == 1 and os.environ.get("TEXTMILL_DEBUG") and not isinstance(error, UnavailableError):
            raise
        if message:
            complain(message)
    _leave(code, session)


def ending(error: BaseException) -> tuple[str, int]:
    """What to say about an error that ends the command, and the exit code; nothing to say where the help was shown."""
    if isinstance(error, RequestError):
        return str(error), 2
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        return "stopped; the same command goes on from the last finished step", INTERRUPTED
    if isinstance(error, UnavailableError):
        return str(error), 1
    if hasattr(error, "format_message"):  # click's usage errors; empty: the help was shown in its place
        return str(error.format_message()), 2
    if isinstance(error, OSError) and error.errno in NOT_ALLOWED and error.filename:
        return f"{error.filename}: {error.strerror}; run as its owner, or change its permissions or the path", 2
    return f"failed: {type(error).__name__}: {error}".splitlines()[0] + " (set TEXTMILL_DEBUG=1 to see where)", 1


def _leave(code: int, session: Session) -> NoReturn:
    """End this process; at once where Prefect's threads would go on trying to reach a server that is gone."""
    if (why := streams.finish()) and not code:
        complain(f"not all could be printed ({why})")
        streams.finish()
        code = 1
    if session.server_lost:
        os._exit(code)
    sys.exit(code)


class _OneLine(logging.Formatter):
    """Log lines in which a file's name or a label cannot forge another line or steer the terminal."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 the name that logging calls
        return in_line(super().formatMessage(record))


@contextlib.contextmanager
def _own_warnings() -> Iterator[None]:
    """Write warnings and errors of our own code to stderr, a line each; libraries keep their own handlers."""
    handler = logging.StreamHandler()
    handler.setLevel(logging.WARNING)
    handler.setFormatter(_OneLine("%(levelname)s: %(message)s"))
    loggers = [logging.getLogger(name) for name in ("tasks", "flows")]
    before = [logger.propagate for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.propagate = False  # the root's handler is Prefect's, and would write each of them again
    try:
        yield
    finally:
        for logger, propagate in zip(loggers, before, strict=True):
            logger.removeHandler(handler)
            logger.propagate = propagate
