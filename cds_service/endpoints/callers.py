"""Who calls, as far as the endpoints need to know."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import flask
from werkzeug.wsgi import get_current_url

from cds_service.hooks.profiles import ClientProfile

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

# Given the call and the paths that a token for it may be meant for; raises Unauthenticated for whoever is not known.
Authenticate = Callable[..., ClientProfile]
# Given the Authorization header and the addresses that a token may be meant for.
CheckToken = Callable[[str | None, tuple[str, ...]], ClientProfile]


def anyone(profile: ClientProfile) -> Authenticate:
    """Authentication that is switched off: whatever is sent, the caller is treated by `profile`."""
    return lambda _environ, *_paths: profile


def with_tokens(check: CheckToken, public_url: str | None) -> Authenticate:
    """Authentication by token; the addresses are those of `public_url`, or as they were called."""

    def authenticate(environ: WSGIEnvironment, *paths: str) -> ClientProfile:
        base = public_url or get_current_url(environ, host_only=True).rstrip("/")
        return check(environ.get("HTTP_AUTHORIZATION"), tuple(base + path for path in paths))

    return authenticate


def guard(app: flask.Flask, prefix: str, authenticate: Authenticate) -> None:
    """Ask for a token on every call below `prefix`; it may be meant for the address called, or for all of `prefix`."""

    @app.before_request
    def ask() -> None:
        request = flask.request
        if request.path.startswith(prefix) and request.method != "OPTIONS":
            authenticate(request.environ, request.path, prefix)
