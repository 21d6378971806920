"""Everything that a running service knows, compiled and frozen; a reload makes a new one and swaps it in whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from cds_service.cql.compile import CompiledLibraries
from cds_service.errors import CdsError
from cds_service.fhir.structs.flavours import Structs
from cds_service.knowledge.definitions import Definitions
from cds_service.knowledge.paths import FhirPaths
from cds_service.knowledge.services import KnownService
from cds_service.patient_data.gather import Reading
from cds_service.plans.expressions import Expression
from cds_service.plans.facts_catalogue import FactCatalogue
from cds_service.plans.policy import Policy
from cds_service.terminology.terminology import Terminology


@dataclass(frozen=True, slots=True)
class Knowledge:
    """Plans, logic, terminology and services that hold together."""

    definitions: Definitions
    terminology: Terminology
    compiled: CompiledLibraries
    facts: FactCatalogue
    services: Mapping[str, KnownService]
    structs: Structs
    reading: Reading
    paths: FhirPaths
    base: str
    # Parameters that a site has set, by (library, parameter).
    site_parameters: Mapping[tuple[str, str], Any] = field(default_factory=dict)
    # For logic that does not look at "Unreadable" itself: the resource types that each expression reads.
    reads: Mapping[Expression, frozenset[str]] = field(default_factory=dict)
    parameter_names: frozenset[str] = frozenset()  # that some library declares
    # The types of which every resource may matter to a call; of others, those with a code that logic looks for.
    looked_through: frozenset[str] = frozenset({"Resource"})
    warnings: tuple[CdsError, ...] = ()

    @property
    def resource_type(self) -> Any:
        """The msgspec type of a prefetched resource, as lean as the logic allows."""
        return self.reading.decoder.union

    @property
    def namespace(self) -> str:
        """The prefix of our members in CDS Hooks extensions: the reversed host of the canonical base."""
        return _reversed_host(self.base)

    @property
    def policies(self) -> tuple[Policy, ...]:
        """The policies in use, each once."""
        found = {
            service.deciding.knowhow.policy.plan.canonical: service.deciding.knowhow.policy
            for service in self.services.values()
            if service.deciding is not None
        }
        return tuple(found.values())

    def service_for(self, hook: str) -> KnownService | None:
        """A service that answers the hook, one that decides something of ours first."""
        found = [service for service in self.services.values() if service.hook == hook]
        found.sort(key=lambda service: (service.deciding is None, service.id))
        return found[0] if found else None


@lru_cache(maxsize=16)
def _reversed_host(base: str) -> str:
    host = base.partition("://")[2].partition("/")[0].partition(":")[0]
    return ".".join(reversed(host.split(".")))
