"""Says who calls, from the signed token of the call; to the caller a refusal says nothing, to our log it says why.

The checks go from cheap to dear: issuer, audience, times and tenant before the signature, and the store of used tokens
last, so that nobody without a valid key can fill it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeGuard

import jwt

from cds_service.clients.keys import KeyCache, usable_keys
from cds_service.clients.registry import Client
from cds_service.hooks.profiles import ClientProfile
from cds_service.hooks.refusals import Unauthenticated

_log = logging.getLogger(__name__)

LEEWAY = 60  # seconds by which clocks may differ
LONGEST_LIFE = 3600  # of a token, in seconds: the store of used ones must end somewhere
_LONGEST_TOKEN = 8192
_LONGEST_CLAIM = 512
_KEY_TYPES = {"ES": "EC", "RS": "RSA", "PS": "RSA", "Ed": "OKP"}


class UsedTokens(Protocol):
    """Remembers tokens until they expire, for all processes."""

    def use(self, issuer: str, jti: str, expires: int, now: int) -> bool:
        """Whether this is the first use."""


class _Refused(Exception):
    """Why a token is not accepted; for the log only."""


class Authenticator:
    """Accepts tokens of known clients."""

    def __init__(
        self,
        clients: Mapping[str, Client],
        used: UsedTokens,
        *,
        audiences: tuple[str, ...] = (),
        cache: KeyCache | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._clients, self._used, self._audiences = clients, used, audiences
        self._cache, self._now = cache or KeyCache(), now
        self._own = {issuer: usable_keys(client.keys) for issuer, client in clients.items()}

    def __call__(self, header: str | None, audiences: tuple[str, ...]) -> ClientProfile:
        """The profile of the client whose token `header` carries; Unauthenticated for everything else."""
        try:
            return self._accept(header, audiences)
        except _Refused as refused:
            _log.warning("token refused: %s", refused)
            raise Unauthenticated("Not authorised.") from None

    def _accept(self, header: str | None, audiences: tuple[str, ...]) -> ClientProfile:
        kind, _, token = (header or "").partition(" ")
        token = token.strip()
        if kind.lower() != "bearer" or not token or len(token) > _LONGEST_TOKEN:
            raise _Refused("no bearer token")
        try:
            head = jwt.get_unverified_header(token)
            claims = jwt.decode(token, options={"verify_signature": False})
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise _Refused("not a JWT") from None
        client = self._clients.get(_claim(claims, "iss"))
        if client is None:
            raise _Refused("issuer not on the list")
        where = f"issuer {client.issuer}"
        _check_audience(claims.get("aud"), {*audiences, *self._audiences, *client.audiences}, where)
        expires = _check_times(claims, self._now(), where)
        tenants = client.profile.tenants
        if tenants and claims.get("tenant") not in tenants:
            raise _Refused(f"{where}: tenant not on the list")
        jti = _claim(claims, "jti")
        if not jti:
            raise _Refused(f"{where}: no jti")
        key = self._key(client, head, where)
        self._verify(token, key, str(head.get("alg")), where)
        if not self._used.use(client.issuer, jti, expires + LEEWAY, int(self._now())):
            raise _Refused(f"{where}: jti used before")
        return client.profile

    def _key(self, client: Client, head: Mapping[str, Any], where: str) -> jwt.PyJWK:
        algorithm, kid, jku = head.get("alg"), head.get("kid"), head.get("jku")
        if algorithm not in client.algorithms:
            raise _Refused(f"{where}: algorithm not accepted")
        if str(head.get("typ", "JWT")).upper() != "JWT" or head.get("crit"):
            raise _Refused(f"{where}: header not accepted")
        if not isinstance(kid, str) or not kid or len(kid) > _LONGEST_CLAIM:
            raise _Refused(f"{where}: no kid")
        if jku is not None and jku not in client.jwks_urls:
            raise _Refused(f"{where}: jku not on the list")
        key = self._own[client.issuer].get(kid) if jku is None else None
        for url in (jku,) if jku else client.jwks_urls:
            key = key or self._cache.key(url, kid)
        if key is None:
            raise _Refused(f"{where}: key not known")
        # The type of the key settles what may be verified with it; the token only says which key.
        if key.key_type != _KEY_TYPES.get(str(algorithm)[:2]):
            raise _Refused(f"{where}: key is of another type")
        return key

    def _verify(self, token: str, key: jwt.PyJWK, algorithm: str, where: str) -> None:
        try:
            jwt.decode(
                token,
                key.key,
                algorithms=[algorithm],
                options={"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False},
            )
        except (jwt.PyJWTError, ValueError, TypeError):
            raise _Refused(f"{where}: signature does not hold") from None


def _claim(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    return value if isinstance(value, str) and len(value) <= _LONGEST_CLAIM else ""


def _check_audience(sent: object, accepted: set[str], where: str) -> None:
    audiences = sent if isinstance(sent, list) else [sent]
    if not any(isinstance(audience, str) and audience.rstrip("/") in accepted for audience in audiences):
        raise _Refused(f"{where}: meant for another audience")


def _check_times(claims: Mapping[str, Any], now: float, where: str) -> int:
    expires, issued, not_before = claims.get("exp"), claims.get("iat"), claims.get("nbf", 0)
    if not (_is_time(expires) and _is_time(issued) and _is_time(not_before)):
        raise _Refused(f"{where}: exp, iat or nbf missing or no number")
    if expires + LEEWAY <= now:
        raise _Refused(f"{where}: expired")
    if issued - LEEWAY > now or not_before - LEEWAY > now:
        raise _Refused(f"{where}: from the future")
    if not 0 < expires - issued <= LONGEST_LIFE:
        raise _Refused(f"{where}: lives too long")
    return int(expires)


def _is_time(value: Any) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e12
