"""Who may ask for which path; the guard that looks at it is in flows/servers/guard.py."""

from __future__ import annotations

OPEN_PATHS = frozenset({"/ping", "/health", "/ready"})  # for probes, which have no login
KNOWN = "textmill.known"  # of an ASGI scope: whether the request brought the login or the token
