"""Which FHIR servers may be called: bases that the site lists, with `*` as a wildcard."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import translate
from urllib.parse import urlsplit

_PATTERN = re.compile(r"^(?:(?P<scheme>https?|\*)://)?(?P<authority>[^/]*)(?P<path>/.*)?$")
_STANDARD_PORTS = {"http": "80", "https": "443"}


@dataclass(frozen=True, slots=True)
class Base:
    """A FHIR base URL in its parts, as it will be called."""

    scheme: str
    host: str
    port: str
    path: str

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Permission:
    """A base may be called; one whose host is listed by name may also lie in a private network."""

    private: bool


def parse_base(url: str) -> Base | None:
    """The parts of a base URL; None for what is no plain http(s) URL (user names, queries, fragments)."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if (
        parts.scheme not in _STANDARD_PORTS
        or not parts.hostname
        or parts.username is not None
        or parts.query
        or parts.fragment
    ):
        return None
    if "\\" in url or "@" in parts.netloc or ".." in parts.path.split("/"):
        return None
    return Base(parts.scheme, parts.hostname, str(port or _STANDARD_PORTS[parts.scheme]), parts.path.rstrip("/"))


def permission(base: Base, patterns: Sequence[str]) -> Permission | None:
    """Whether one of the patterns lists this base; None if none does."""
    found: Permission | None = None
    for pattern in patterns:
        private = _matches(base, pattern)
        if private is True:
            return Permission(private=True)
        if private is False:
            found = Permission(private=False)
    return found


def _matches(base: Base, pattern: str) -> bool | None:
    """None: no match; else whether the pattern names the host without a wildcard."""
    match = _PATTERN.match(pattern.strip().rstrip("/"))
    if match is None:
        return None
    scheme = match["scheme"] or "*"
    host, port = _host_and_port(match["authority"])
    path = match["path"]
    if scheme not in ("*", base.scheme) or not _wild(host, base.host):
        return None
    if port is None:
        # A host that ends with the wildcard leaves its port open too.
        if not host.endswith("*") and base.port != _STANDARD_PORTS[base.scheme]:
            return None
    elif not _wild(port, base.port):
        return None
    if path is None:
        if base.path and not match["authority"].endswith("*"):
            return None
    elif not _wild(path, base.path):
        return None
    return "*" not in host


def _host_and_port(authority: str) -> tuple[str, str | None]:
    if authority.startswith("["):
        host, _, rest = authority[1:].partition("]")
        return host.lower(), rest.removeprefix(":") or None
    host, colon, port = authority.partition(":")
    return host.lower(), port if colon else None


def _wild(pattern: str, text: str) -> bool:
    escaped = pattern.replace("[", "[[]").replace("?", "[?]")
    return re.match(translate(escaped), text) is not None
