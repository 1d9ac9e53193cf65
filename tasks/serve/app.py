"""The routes of a model server, as an ASGI app. Shapes and statuses are in its OpenAPI document, see `described`."""

from __future__ import annotations

import asyncio
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse

from tasks.errors import RequestError
from tasks.score.abstain import abstaining, promised
from tasks.score.explain import check_explains
from tasks.serve import described
from tasks.serve.access import KNOWN
from tasks.serve.batching import Batcher
from tasks.serve.meters import CONTENT_TYPE, Meters
from tasks.serve.replying import Replier
from tasks.serve.request import JSON, Asked, Refusal, asked_of_mlflow, asked_of_predict

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from tasks.serve.access_log import Log
    from tasks.serve.settings import ServeSettings
    from tasks.serve.versions import Follower

    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

CODES = {404: "ENDPOINT_NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 413: "TOO_LARGE", 415: "UNSUPPORTED_MEDIA_TYPE"}
CODES |= {400: "BAD_REQUEST", 500: "INTERNAL_ERROR", 503: "TEMPORARILY_UNAVAILABLE"}
NO_VERSION = "no version of the model is loaded"
NO_NAMES = '"towards" asks about names, and this server has none; start it with --serve.companies or --serve.watch-list'
DOCS = "/docs"
# path -> how a body is read, and whether the answer names the model
READERS: dict[str, tuple[Callable[[str, bytes, ServeSettings], Asked], bool]] = {
    "/predict": (asked_of_predict, True),
    "/invocations": (asked_of_mlflow, False),
}
REFUSED_HEADERS = {413: [(b"connection", b"close")], 503: [(b"retry-after", b"1")]}
FOREIGN = "other"  # paths that are none of ours, in metrics: anybody may make up as many as he likes
MOST_PATH = 200  # characters of a path in the log
PAGE_HEADERS = {"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'", "x-content-type-options": "nosniff"}


class ClientLeft(Exception):  # noqa: N818
    """A client closed the connection before it had sent its request."""


class ModelServer:
    """The app around one followed model; `follow` is to be called in a thread of its own, `app` is what an ASGI server runs."""

    def __init__(self, follower: Follower, limits: ServeSettings, log: Log) -> None:
        self.follower, self.limits, self.log = follower, limits, log
        self.watch = limits.open_watch_list()
        self.meters = Meters()
        self.batcher, self.replier = Batcher(self.meters.labelled), Replier()
        self.app = Observed(self._routes(), self)
        self.note_version()

    def note_version(self) -> None:
        """Tell Prometheus which version answers."""
        served = self.follower.served
        if served is not None:
            self.meters.serves(served.name, served.version, current=self.follower.problem is None)

    def _routes(self) -> FastAPI:
        api = FastAPI(title=described.TITLE, description=described.ABOUT, docs_url=None, redoc_url=None)
        api.add_exception_handler(HTTPException, _not_found)

        @api.get(
            "/ping", summary="Whether a version is loaded, as MLflow's server says it", response_description="An empty line."
        )
        async def ping() -> Response:
            return Response(
                b"\n" if self.follower.served else _error(503, NO_VERSION),
                200 if self.follower.served else 503,
                media_type=JSON,
            )

        @api.get("/health", summary="Whether the process answers at all", response_description='`{"status": "ok"}`')
        async def health() -> Response:
            return _json({"status": "ok"})

        @api.get(
            "/ready",
            summary="Whether a version is loaded, and whether it is the one that is wanted",
            response_description="With the login: which version answers, which is wanted, and what is wrong with that.",
        )
        async def ready(request: Request) -> Response:
            return _json(self.readiness(known=request.scope.get(KNOWN, False)), 200 if self.follower.served else 503)

        @api.get("/metrics", summary="Numbers for Prometheus", response_description="Its text format.")
        async def metrics() -> Response:
            return Response(await asyncio.to_thread(self.meters.page), headers={"content-type": CONTENT_TYPE})

        @api.get(DOCS, include_in_schema=False)
        @api.get("/", include_in_schema=False)
        async def docs() -> Response:
            return HTMLResponse(described.page(api.openapi()), headers=PAGE_HEADERS)

        document = api.openapi()
        document["paths"] = described.POSTS | document["paths"]
        return api

    def readiness(self, *, known: bool) -> dict[str, Any]:
        """What `/ready` says; why a version did not load, with its paths, only to those who are logged in."""
        follower = self.follower
        served = follower.served
        said: dict[str, Any] = {"ready": served is not None, "current": served is not None and follower.problem is None}
        if known:
            name, version = follower.wanted
            said |= {"model": name, "follows": version, "version": served.version if served else None}
            said |= {"wanted": follower.pointed, "problem": follower.problem}
        return said

    async def post(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request to `/predict` or `/invocations`, or say in one line why not.

        FastAPI is left out here: on a short text it takes as long as the model does.
        """
        try:
            status, headers, answer = 200, *await self._predicted(scope, receive)
        except RequestError as error:
            status = getattr(error, "status", 400)
            headers, answer = REFUSED_HEADERS.get(status, []), _error(status, str(error))
        except ClientLeft:
            return
        headers = [(b"content-type", JSON.encode()), (b"content-length", str(len(answer)).encode()), *headers]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    async def _predicted(self, scope: Scope, receive: Receive) -> tuple[list[tuple[bytes, bytes]], bytes]:
        """The headers and the body of an answer, by the version that was loaded when the request had been read."""
        read, with_model = READERS[scope["path"]]
        given = dict(scope["headers"])
        body = await _body(receive, given.get(b"content-length", b""), self.limits.max_bytes)
        asked = read(given.get(b"content-type", b"").decode("latin-1"), body, self.limits)
        scope["textmill.texts"] = len(asked.texts)
        loaded = self.follower.served
        if loaded is None:
            raise Refusal(NO_VERSION, 503)
        scope["textmill.version"] = loaded.version
        if asked.explain:
            check_explains(loaded)
        if asked.towards and self.watch is None:
            raise Refusal(NO_NAMES)
        promise = None if asked.max_error is None else await asyncio.to_thread(promised, loaded, asked.max_error)
        watch = self.watch if asked.towards else None
        predictions = await self.batcher.label(loaded, asked.texts, explain=asked.explain, watch=watch)
        answer: dict[str, Any] = {"model": {"name": loaded.name, "version": loaded.version}} if with_model else {}
        if promise is not None:
            predictions = abstaining(predictions, promise)
            answer |= {"promise": promise.facts()} if with_model else {}
        answer["predictions"] = await self.replier.add(loaded, asked.texts, predictions)
        return [(b"x-textmill-model", quote(loaded.title).encode())], orjson.dumps(answer)


class Observed:
    """ASGI middleware around all: counts and logs each request, and turns what escapes into a 500 that quotes nothing."""

    def __init__(self, app: Any, server: ModelServer) -> None:
        self.app, self.server = app, server
        self.paths = frozenset(route.path for route in app.routes) | READERS.keys()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0

        async def noted(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            if scope["method"] == "POST" and scope["path"] in READERS:
                await self.server.post(scope, receive, noted)
            elif scope["path"] in READERS:
                told = _error(405, f"this page takes POST; see {DOCS}")
                await Response(told, 405, {"allow": "POST"}, media_type=JSON)(scope, receive, noted)
            else:
                await self.app(scope, receive, noted)
        except Exception as error:  # noqa: BLE001 its message may quote a text, so that only its place is told
            last = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{Path(last.filename).name}:{last.lineno}"
            self.server.log.write("error", error=type(error).__name__, place=place)
            if not status:
                await Response(_error(500, "the model failed on this request"), 500, media_type=JSON)(scope, receive, noted)
        path, seconds = scope["path"], time.perf_counter() - began
        self.server.meters.answered(path if path in self.paths else FOREIGN, status, seconds)
        if self.server.limits.access_log:
            self.server.log.write(
                "request",
                client=(scope.get("client") or ("",))[0],
                method=scope["method"],
                path=path[:MOST_PATH],
                status=status,
                ms=round(seconds * 1000, 3),
                texts=scope.get("textmill.texts"),
                version=scope.get("textmill.version"),
            )


async def _body(receive: Receive, told: bytes, most: int) -> bytes:
    """The body; Refusal, before it was read whole, if it has more bytes than that. ClientLeft if the rest will not come."""
    if told.isdigit() and int(told[:20]) > most:
        raise Refusal(f"a body of {int(told[:20])} bytes is too large; send at most {most}", 413)
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        part = message.get("body", b"")
        size += len(part)
        if size > most:
            raise Refusal(f"the body is too large; send at most {most} bytes", 413)
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)


def _json(answer: dict[str, Any], status: int = 200) -> Response:
    return Response(orjson.dumps(answer), status, media_type=JSON)


def _error(status: int, message: str) -> bytes:
    """One line that says what is wrong, in the form of MLflow's errors."""
    return orjson.dumps({"error_code": CODES.get(status, "BAD_REQUEST"), "message": " ".join(message.split())})


async def _not_found(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 400)
    message = {404: f"there is no such page; see {DOCS}", 405: f"this page takes GET; see {DOCS}"}
    told = message.get(status, str(getattr(error, "detail", "")))
    return Response(_error(status, told), status, getattr(error, "headers", None), media_type=JSON)
