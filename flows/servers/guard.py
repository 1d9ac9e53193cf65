"""Guards a server of ours against everything else on the machine: by address, Host, Origin and password.

A server on 127.0.0.1 is reached by every web page that is open in a browser on the machine, and by every user of it. Prefect
3.8 looks at neither Host nor Origin, so a page could have its own name resolved to 127.0.0.1 (DNS rebinding); MLflow 3.17
looks at both, loosely (any port of localhost, any private network), and wants no password. Both apps run behind `Guard`, by
`serve_guarded`.
"""

from __future__ import annotations

import base64
import hmac
from typing import TYPE_CHECKING, Any

from tasks.serve.access import KNOWN

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
    App = Callable[[Scope, Receive, Send], Awaitable[None]]

ADDRESS = "127.0.0.1"  # the only one that a server of ours binds; others come through an SSH tunnel
SAFE_METHODS = ("GET", "HEAD")


class Guard:
    """ASGI middleware: refuse requests that are not meant for this server, or that bring no password if one is wanted.

    `login` is `user:password` for HTTP Basic, and empty where the app asks for a password itself; `token` is let in as a
    Bearer token too. Paths of `open_paths` want neither. With `any_host` the server has names that only its clients know, and a
    page's Origin is compared with the Host it asks for. A browser says where a request comes from by Origin and Sec-Fetch-Site
    (https://www.w3.org/TR/fetch-metadata/); programs send neither.
    """

    def __init__(
        self,
        app: App,
        *,
        port: int,
        login: str = "",
        token: str = "",
        open_paths: frozenset[str] = frozenset(),
        any_host: bool = False,
    ) -> None:
        self.app = app
        self.open_paths, self.any_host = open_paths, any_host
        self.host = f"{ADDRESS}:{port}".encode()
        self.hosts = {self.host, f"localhost:{port}".encode()}
        self.origins = {b"http://" + host for host in self.hosts}
        self.authorizations = [b"Basic " + base64.b64encode(login.encode())] if login else []
        self.authorizations += [b"Bearer " + token.encode()] if token else []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, or answer 403, or 401 where a password is wanted, or 307 to a page that is opened as localhost."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif reason := self.refusal(scope):
            await _refuse(scope, send, 403, reason)
        elif not self.any_host and _values(scope, b"host")[0].lower() != self.host and _is_page(scope):
            await self.send_on(scope, send)
        elif self.authorizations and not self.knows_password(scope) and scope.get("path") not in self.open_paths:
            await _refuse(scope, send, 401, "a password is wanted; textmill up says where it is")
        else:
            await self.app(scope, receive, send)

    def refusal(self, scope: Scope) -> str:
        """Why a request is not meant for this server; empty if it is."""
        hosts, origins = [host.lower() for host in _values(scope, b"host")], _values(scope, b"origin")
        if len(hosts) != 1 or not (self.any_host or hosts[0] in self.hosts):
            return f"this server answers only as {b' or '.join(sorted(self.hosts)).decode()}"
        own = {b"http://" + hosts[0], b"https://" + hosts[0]} if self.any_host else self.origins
        if any(origin.lower() not in own for origin in origins):
            return "requests of other sites' pages are refused"
        sites = _values(scope, b"sec-fetch-site")
        if any(site not in (b"same-origin", b"none") for site in sites) and not _is_link(scope):
            return "requests of other sites' pages are refused"
        return ""

    async def send_on(self, scope: Scope, send: Send) -> None:
        """Send a browser to the same page at our address, where Prefect's pages ask: from localhost that is cross-site."""
        path, query = scope["raw_path"], scope["query_string"]
        path = path if path.startswith(b"/") else b"/"  # else a name could follow our address
        location = b"http://" + self.host + path + (b"?" + query if query else b"")
        headers = [(b"location", location), (b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 307, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    def knows_password(self, scope: Scope) -> bool:
        """Whether a request brings the password or the token; KNOWN of its scope says so to the app."""
        given = _values(scope, b"authorization")
        known = len(given) == 1 and any(hmac.compare_digest(given[0], each) for each in self.authorizations)
        scope[KNOWN] = known
        return known


def serve_guarded(app: App, *, port: int, login: str = "", **options: Any) -> Any:
    """A uvicorn server of `app` behind a guard, on 127.0.0.1 whatever the environment says; call its `run`."""
    kept: dict[str, Any] = {"lifespan": "on", "http": "h11", "timeout_graceful_shutdown": 3}
    return guarded(Guard(app, port=port, login=login), port=port, **kept, **options)


def guarded(guard: Guard, *, port: int, host: str = ADDRESS, **options: Any) -> Any:
    """A uvicorn server of an app behind its guard."""
    import uvicorn

    return uvicorn.Server(
        uvicorn.Config(
            guard,
            host=host,
            port=port,
            log_level="warning",
            proxy_headers=False,  # a header must not replace the address of the connection
            server_header=False,
            **options,
        )
    )


def _values(scope: Scope, name: bytes) -> list[bytes]:
    return [value for key, value in scope["headers"] if key.lower() == name]


def _is_link(scope: Scope) -> bool:
    """Whether another site's page was left for this one by a link: it sees nothing of the answer and changes nothing."""
    return (
        scope["type"] == "http"
        and scope["method"] in SAFE_METHODS
        and _values(scope, b"sec-fetch-mode") == [b"navigate"]
        and _values(scope, b"sec-fetch-dest") == [b"document"]
    )


def _is_page(scope: Scope) -> bool:
    """Whether a browser asks for a page to show; one that sends no Sec-Fetch-Dest says so by what it accepts."""
    if scope["type"] != "http" or scope["method"] not in SAFE_METHODS:
        return False
    wanted = _values(scope, b"sec-fetch-dest")
    return wanted == [b"document"] if wanted else any(b"text/html" in value for value in _values(scope, b"accept"))


async def _refuse(scope: Scope, send: Send, status: int, reason: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": reason})  # before it is accepted: uvicorn answers 403
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"x-content-type-options", b"nosniff")]
    if status == 401:
        headers.append((b"www-authenticate", b'Basic realm="textmill", charset="UTF-8"'))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": f"{reason}\n".encode()})
