"""The frame of every page: navigation, security headers, and what the service says about itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import flask

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'{connect}; form-action 'self'; base-uri 'none'; frame-ancestors {ancestors}"
)


@dataclass(frozen=True, slots=True)
class Page:
    """One entry of the navigation."""

    endpoint: str
    label: str


@dataclass(frozen=True, slots=True)
class About:
    """What every page says in its frame."""

    product: str
    version: str
    content_state: str


def frame_pages(blueprint: flask.Blueprint, about: About, pages: Sequence[Page], ancestors: Sequence[str] = ()) -> None:
    """Give every page of `blueprint` its navigation and its headers; only `ancestors` may show them in a frame."""

    @blueprint.context_processor
    def surroundings() -> dict[str, object]:
        endpoint = flask.request.endpoint or ""
        return {
            "product": about.product,
            "version": about.version,
            "content_state": about.content_state,
            "navigation": [
                {
                    "href": flask.url_for(f"{blueprint.name}.{page.endpoint}"),
                    "label": page.label,
                    "current": endpoint.split(".", 1)[-1].split("_")[0] == page.endpoint.split("_")[0],
                }
                for page in pages
            ],
        }

    @blueprint.after_request
    def guard(response: flask.Response) -> flask.Response:
        framing = " ".join(ancestors) if ancestors else "'none'"
        is_launch = flask.request.endpoint == f"{blueprint.name}.launch"
        connect = "".join(f" {origin}" for origin in ancestors) if is_launch else ""
        response.headers["Content-Security-Policy"] = POLICY.format(ancestors=framing, connect=connect)
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        if not ancestors:  # an EHR that opened the page is told by it, and must be reachable
            response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
        if flask.request.endpoint != f"{blueprint.name}.static":
            response.headers["Cache-Control"] = "no-store"
        return response
