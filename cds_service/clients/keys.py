"""The public keys of clients: from their configuration, or fetched from an address on their list and cached."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import jwt
import msgspec
import requests

_FRESH_SECONDS = 3600.0
_STALE_SECONDS = 24 * 3600.0  # a key set that cannot be fetched again is still believed for this long
_AGAIN_SECONDS = 30.0  # at most this often is a key set fetched because of an unknown key
_TIMEOUT = (2.0, 3.0)
_LARGEST = 256 * 1024
_MOST_KEYS = 100


class Fetch(Protocol):
    """Gets the bytes at an address, or raises OSError."""

    def __call__(self, url: str) -> bytes: ...


def fetch_over_http(url: str) -> bytes:
    """The body at `url`: no redirect is followed, no proxy of the environment used, and no large body read."""
    with requests.Session() as session:
        session.trust_env = False
        headers = {"Accept": "application/json"}
        with session.get(url, timeout=_TIMEOUT, allow_redirects=False, stream=True, headers=headers) as answer:
            if answer.status_code != 200:
                raise OSError(f"key set answered {answer.status_code}")
            body = bytearray()
            deadline = time.monotonic() + sum(_TIMEOUT)
            for part in answer.iter_content(16 * 1024):
                body += part
                if len(body) > _LARGEST or time.monotonic() > deadline:
                    raise OSError("key set too large or too slow")
            return bytes(body)


def usable_keys(keys: Iterable[Mapping[str, Any]]) -> dict[str, jwt.PyJWK]:
    """The signing keys of a key set by `kid`; what is symmetric, for encryption, or of no known kind is left out."""
    found: dict[str, jwt.PyJWK] = {}
    for key in list(keys)[:_MOST_KEYS]:
        if not isinstance(key, Mapping) or key.get("kty") not in ("EC", "RSA", "OKP") or key.get("use", "sig") != "sig":
            continue
        try:
            found[str(key.get("kid", ""))] = jwt.PyJWK(dict(key))
        except (jwt.PyJWTError, ValueError, KeyError, TypeError):
            continue  # one bad key does not take the others with it
    return found


@dataclass(slots=True)
class _KeySet:
    keys: dict[str, jwt.PyJWK] = field(default_factory=dict)
    fetched: float = float("-inf")
    tried: float = float("-inf")


class KeyCache:
    """Key sets by address: fetched when first needed, again after an hour, and once when a key is unknown."""

    def __init__(self, fetch: Fetch = fetch_over_http, clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch, self._clock = fetch, clock
        self._sets: dict[str, _KeySet] = {}
        self._lock = threading.Lock()

    def key(self, url: str, kid: str) -> jwt.PyJWK | None:
        """The key `kid` of the key set at `url`; None when there is none or it cannot be had."""
        now = self._clock()
        known = self._sets.setdefault(url, _KeySet())
        fresh = now - known.fetched < _FRESH_SECONDS
        if fresh and kid in known.keys:
            return known.keys[kid]
        with self._lock:
            if self._clock() - known.tried >= _AGAIN_SECONDS:
                self._refresh(url, known)
        believed = self._clock() - known.fetched < _STALE_SECONDS
        return known.keys.get(kid) if believed else None

    def _refresh(self, url: str, known: _KeySet) -> None:
        known.tried = self._clock()
        try:
            sent = msgspec.json.decode(self._fetch(url), type=dict[str, Any])
            keys = sent.get("keys")
            if not isinstance(keys, list):
                return
        except (OSError, msgspec.DecodeError, RecursionError):
            return
        known.keys, known.fetched = usable_keys(keys), self._clock()
