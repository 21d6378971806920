"""The clients that may call: a file of a site, read once and checked whole."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cds_service.errors import CdsError, ErrorGroup
from cds_service.hooks.profiles import ClientProfile

ALGORITHMS = ("ES384", "RS384")  # what CDS Hooks recommends; others only where a client is configured for them
_MORE_ALGORITHMS = frozenset({*ALGORITHMS, "ES256", "ES512", "RS256", "RS512", "PS256", "PS384", "PS512", "EdDSA"})


class WrongClients(CdsError):
    """A file of clients that cannot be used; stops the start."""

    code = "wrong-clients"


@dataclass(frozen=True, slots=True)
class Client:
    """One client: who it says it is, where its keys are, and what we agreed on with it."""

    issuer: str
    profile: ClientProfile
    jwks_urls: tuple[str, ...] = ()
    keys: tuple[dict[str, Any], ...] = field(default=(), repr=False)
    algorithms: tuple[str, ...] = ALGORITHMS
    audiences: tuple[str, ...] = ()


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    issuer: Annotated[str, Field(min_length=1)]
    name: str | None = None
    jku: list[str] = []
    jwks: dict[str, Any] | None = None
    algorithms: list[str] = list(ALGORITHMS)
    audiences: list[str] = []
    tenants: list[str] = []
    rates_orders: bool | None = Field(default=None, alias="rates-orders")
    fhirpath_prefetch: bool = Field(default=False, alias="fhirpath-prefetch")
    fhir_servers: list[str] | None = Field(default=None, alias="fhir-servers")


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    clients: list[_Entry]


def read_clients(path: Path, rates_orders: bool = True) -> dict[str, Client]:
    """The clients by issuer; every mistake in the file is named at once."""
    try:
        text = path.read_text(encoding="utf-8")
        value = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise WrongClients(f"{path.name} cannot be read ({type(error).__name__}).") from None
    try:
        entries = _File.model_validate(value).clients
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        problems = (f"{'.'.join(map(str, each['loc']))}: {each['msg']}." for each in found)
        raise ErrorGroup(tuple(WrongClients(f"{path.name}, {problem}") for problem in problems)) from None
    mistakes = [mistake for entry in entries for mistake in _mistakes(entry, path.name)]
    issuers = [entry.issuer for entry in entries]
    mistakes += [
        f"{path.name}: issuer {issuer} stands twice." for issuer in {i for i in issuers if issuers.count(i) > 1}
    ]
    if mistakes:
        raise ErrorGroup(tuple(WrongClients(mistake) for mistake in mistakes))
    return {entry.issuer: _client(entry, rates_orders) for entry in entries}


def _mistakes(entry: _Entry, file: str) -> list[str]:
    of = f"{file}, client {entry.issuer}:"
    found = []
    if not entry.jku and entry.jwks is None:
        found.append(f"{of} has neither jku (addresses of its key set) nor jwks (the key set itself).")
    found += [f"{of} {url} is no https address." for url in entry.jku if not _is_safe(url)]
    found += [f"{of} algorithm {name} is not accepted." for name in entry.algorithms if name not in _MORE_ALGORITHMS]
    keys = (entry.jwks or {}).get("keys", [])
    if entry.jwks is not None and not (isinstance(keys, list) and keys and all(isinstance(key, dict) for key in keys)):
        found.append(f"{of} jwks has no keys.")
    elif any("d" in key or "k" in key for key in keys):
        found.append(f"{of} jwks holds a private or symmetric key; only public keys belong here.")
    return found


def _is_safe(url: str) -> bool:
    loopback = ("http://127.0.0.1", "http://localhost", "http://[::1]")
    return url.startswith("https://") or any(url.startswith((host + ":", host + "/")) for host in loopback)


def _client(entry: _Entry, rates_orders: bool) -> Client:
    profile = ClientProfile(
        name=entry.name or entry.issuer,
        rates_orders=rates_orders if entry.rates_orders is None else entry.rates_orders,
        fhirpath_prefetch=entry.fhirpath_prefetch,
        fhir_servers=None if entry.fhir_servers is None else tuple(entry.fhir_servers),
        tenants=tuple(entry.tenants),
    )
    return Client(
        issuer=entry.issuer,
        profile=profile,
        jwks_urls=tuple(entry.jku),
        keys=tuple((entry.jwks or {}).get("keys", ())),
        algorithms=tuple(entry.algorithms),
        audiences=tuple(entry.audiences),
    )
