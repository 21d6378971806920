"""Who calls, as far as the endpoints need to know."""

from __future__ import annotations

from collections.abc import Callable

import flask

from cds_service.hooks.profiles import ClientProfile

# Takes the Authorization header and the audiences that fit this call; raises Unauthenticated.
Authenticate = Callable[[str | None, tuple[str, ...]], ClientProfile]


def audiences(public_url: str | None, *paths: str) -> tuple[str, ...]:
    """The URLs that a token for this call may be meant for: the public one, or the one that was called."""
    base = public_url or flask.request.host_url.rstrip("/")
    return tuple(base + path for path in paths)


def guard(app: flask.Flask, prefix: str, authenticate: Authenticate, public_url: str | None) -> None:
    """Ask for a token on every call below `prefix`; it may be meant for the address called, or for all of `prefix`."""

    @app.before_request
    def ask() -> None:
        request = flask.request
        if request.path.startswith(prefix) and request.method != "OPTIONS":
            authenticate(request.headers.get("Authorization"), audiences(public_url, request.path, prefix))
