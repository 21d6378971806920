from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from cds_service.clients.authentication import LEEWAY, LONGEST_LIFE, Authenticator
from cds_service.clients.keys import KeyCache, usable_keys
from cds_service.clients.registry import Client
from cds_service.hooks.profiles import ClientProfile
from cds_service.hooks.refusals import Unauthenticated

NOW = 1_800_000_000
ISSUER, JKU = "https://ehr.example/auth", "https://ehr.example/jwks.json"
HERE = "https://cds.example/cds-services/vcf-order-sign"

EC_KEY = ec.generate_private_key(ec.SECP384R1())
OTHER_EC_KEY = ec.generate_private_key(ec.SECP384R1())
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public(key: Any, kid: str, **more: str) -> dict[str, Any]:
    algorithm = ECAlgorithm if isinstance(key, ec.EllipticCurvePrivateKey) else RSAAlgorithm
    return {**json.loads(algorithm.to_jwk(key.public_key())), "kid": kid, **more}


class Used:
    """The store of used tokens, in memory."""

    def __init__(self) -> None:
        self._seen: set[tuple[str, str]] = set()

    def use(self, issuer: str, jti: str, expires: int, now: int) -> bool:
        assert expires > now
        first = (issuer, jti) not in self._seen
        self._seen.add((issuer, jti))
        return first


class KeyServer:
    """Key sets by address; counts how often each is asked for."""

    def __init__(self, **sets: list[dict[str, Any]]) -> None:
        self.body: dict[str, bytes] = {JKU: json.dumps({"keys": sets.get("keys", [])}).encode()}
        self.asked = 0

    def __call__(self, url: str) -> bytes:
        self.asked += 1
        if url not in self.body:
            raise OSError("unreachable")
        return self.body[url]


def token(
    *,
    key: Any = EC_KEY,
    alg: str = "ES384",
    kid: str | None = "k1",
    jku: str | None = JKU,
    head: Any = None,
    **claims: Any,
) -> str:
    payload = {"iss": ISSUER, "aud": HERE, "exp": NOW + 300, "iat": NOW, "jti": f"j{time.monotonic_ns()}", **claims}
    headers = {"kid": kid, "jku": jku, "typ": "JWT", **(head or {})}
    sent = {name: value for name, value in payload.items() if value is not None}
    told = {name: value for name, value in headers.items() if value is not None}
    return jwt.PyJWS().encode(json.dumps(sent).encode(), key, algorithm=alg, headers=told)


def authenticator(
    server: KeyServer | None = None, clock: Callable[[], float] = lambda: 0.0, **more: Any
) -> Authenticator:
    keys = [public(EC_KEY, "k1"), public(RSA_KEY, "r1", alg="RS384", use="sig")]
    client = Client(ISSUER, ClientProfile("ehr", tenants=more.pop("tenants", ())), (JKU,), **more)
    cache = KeyCache(server or KeyServer(keys=keys), clock)
    return Authenticator({ISSUER: client}, Used(), audiences=("urn:site-agreed",), cache=cache, now=lambda: NOW)


def bearer(text: str) -> str:
    return f"Bearer {text}"


@pytest.mark.parametrize(
    "made",
    [
        {},
        {"key": RSA_KEY, "alg": "RS384", "kid": "r1"},
        {"aud": ["https://elsewhere", HERE]},
        {"aud": HERE + "/"},
        {"aud": "urn:site-agreed"},
        {"nbf": NOW - 300, "sub": "x"},
        {"exp": NOW - LEEWAY + 1, "iat": NOW - 200},
        {"iat": NOW + LEEWAY, "exp": NOW + LEEWAY + 300},
        {"jku": None},
        {"head": {"typ": "jwt"}},
    ],
)
def test_good_tokens(made: dict[str, Any]) -> None:
    assert authenticator()(bearer(token(**made)), (HERE,)).name == "ehr"


@pytest.mark.parametrize(
    "made",
    [
        {"key": OTHER_EC_KEY},
        {"kid": "k2"},
        {"kid": None},
        {"jku": "https://evil.example/jwks.json"},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"iss": ["x"]},
        {"aud": "https://cds.example/cds-services"},
        {"aud": None},
        {"aud": 5},
        {"exp": NOW - LEEWAY - 1, "iat": NOW - 300},
        {"exp": None},
        {"exp": "soon"},
        {"exp": 1e300},
        {"iat": None},
        {"iat": NOW + LEEWAY + 2, "exp": NOW + 500},
        {"nbf": NOW + LEEWAY + 2},
        {"exp": NOW + LONGEST_LIFE + 1},
        {"exp": NOW - 10, "iat": NOW - 5},
        {"jti": None},
        {"jti": ""},
        {"jti": "j" * 600},
        {"key": RSA_KEY, "alg": "RS256", "kid": "r1"},
        {"key": RSA_KEY, "alg": "RS384", "kid": "k1"},
        {"head": {"typ": "at+jwt"}},
        {"head": {"crit": ["b64"]}},
        {"key": "a-shared-secret-of-sufficient-length-for-this", "alg": "HS256"},
    ],
)
def test_bad_tokens(made: dict[str, Any]) -> None:
    with pytest.raises(Unauthenticated) as caught:
        authenticator()(bearer(token(**made)), (HERE,))
    assert caught.value.what == "Not authorised."  # and nothing about why


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Basic abc",
        "Bearer a.b.c",
        "Bearer \x00",
        "Bearer " + "a" * 9000,
        token(),
        "Bearer é.é.é",
    ],
)
def test_no_token(header: str | None) -> None:
    with pytest.raises(Unauthenticated):
        authenticator()(header, (HERE,))


def test_an_unsigned_token_is_none() -> None:
    unsigned = jwt.encode({"iss": ISSUER, "aud": HERE, "exp": NOW + 60, "iat": NOW, "jti": "j"}, "", algorithm="none")
    with pytest.raises(Unauthenticated):
        authenticator()(bearer(unsigned), (HERE,))


def test_a_token_opens_once() -> None:
    check, once = authenticator(), token(jti="once")
    check(bearer(once), (HERE,))
    with pytest.raises(Unauthenticated):
        check(bearer(once), (HERE,))


def test_a_bad_signature_does_not_use_up_a_token() -> None:
    check = authenticator()
    with pytest.raises(Unauthenticated):
        check(bearer(token(key=OTHER_EC_KEY, jti="mine")), (HERE,))
    check(bearer(token(jti="mine")), (HERE,))


def test_tenants() -> None:
    check = authenticator(tenants=("a", "b"))
    check(bearer(token(tenant="a")), (HERE,))
    for tenant in ("c", None):
        with pytest.raises(Unauthenticated):
            check(bearer(token(tenant=tenant)), (HERE,))


def test_keys_that_were_exchanged_beforehand() -> None:
    check = authenticator(KeyServer(), keys=(public(EC_KEY, "own"),))
    check(bearer(token(kid="own", jku=None)), (HERE,))
    with pytest.raises(Unauthenticated):  # a jku says where to look: only there is looked
        check(bearer(token(kid="own")), (HERE,))


def test_keys_are_fetched_once_and_rotate() -> None:
    times = [0.0]
    server = KeyServer(keys=[public(EC_KEY, "k1")])
    check = authenticator(server, lambda: times[0])
    for _ in range(5):
        check(bearer(token()), (HERE,))
    assert server.asked == 1
    # A new key: fetched again, but a flood of unknown keys is not passed on.
    server.body[JKU] = json.dumps({"keys": [public(OTHER_EC_KEY, "k2")]}).encode()
    for _ in range(5):
        with pytest.raises(Unauthenticated):
            check(bearer(token(key=OTHER_EC_KEY, kid="k2")), (HERE,))
    assert server.asked == 1
    times[0] = 31.0
    check(bearer(token(key=OTHER_EC_KEY, kid="k2")), (HERE,))
    with pytest.raises(Unauthenticated):  # the old key is gone
        check(bearer(token()), (HERE,))
    assert server.asked == 2


def test_known_keys_outlast_a_failing_key_server_for_a_day() -> None:
    times = [0.0]
    server = KeyServer(keys=[public(EC_KEY, "k1")])
    check = authenticator(server, lambda: times[0])
    check(bearer(token()), (HERE,))
    server.body.clear()
    times[0] = 20 * 3600.0
    check(bearer(token()), (HERE,))
    times[0] = 25 * 3600.0
    with pytest.raises(Unauthenticated):
        check(bearer(token()), (HERE,))


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"keys":5}', b'{"keys":[5,{"kty":"EC"},null]}', b"[" * 5000])
def test_whatever_a_key_server_answers(body: bytes) -> None:
    server = KeyServer()
    server.body[JKU] = body
    with pytest.raises(Unauthenticated):
        authenticator(server)(bearer(token()), (HERE,))


def test_only_public_signing_keys_are_used() -> None:
    keys = [
        {"kty": "oct", "kid": "o", "k": "c2VjcmV0"},
        public(EC_KEY, "e", use="enc"),
        public(EC_KEY, "s"),
        {"kty": "EC", "kid": "broken", "crv": "P-384", "x": "!", "y": "!"},
    ]
    assert set(usable_keys(keys)) == {"s"}
