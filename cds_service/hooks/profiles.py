"""What this service knows about the client that calls it, beyond the call itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClientProfile:
    """The agreements with one client: what it supports, and what its site has switched on."""

    name: str = "any"
    rates_orders: bool = True  # PAMA ratings as system actions
    fhirpath_prefetch: bool = False  # Simpler-FHIRPath tokens in prefetch templates (CDS Hooks 3.0, trial use)
    fhir_servers: tuple[str, ...] | None = None  # FHIR bases this client may name; None: those of CDS_FHIR_SERVERS
    tenants: tuple[str, ...] = ()  # empty: any tenant, or none


ANY_CLIENT = ClientProfile()
