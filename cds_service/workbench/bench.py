"""What the workbench is given: the loaded knowledge, the way live calls are decided, and where decisions are kept."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cds_service.errors import CdsError
from cds_service.fhir.limits import Limits
from cds_service.hooks.feedback import FeedbackEvent
from cds_service.hooks.profiles import ClientProfile
from cds_service.hooks.requests import Arrival, HookRequest, RequestParser
from cds_service.knowledge.knowledge import Knowledge
from cds_service.knowledge.services import KnownService
from cds_service.memory.database import Database
from cds_service.pipeline import Decision

CLIENT = ClientProfile("workbench")  # decisions and feedback of tries are told apart by this name


class UnusableInput(CdsError):
    """Something that a person gave the workbench and that cannot be used."""

    code = "unusable-input"


@dataclass(frozen=True, slots=True)
class Latency:
    """How long calls of one service took since the start of the process: counts up to each bound in seconds."""

    service: str
    count: int
    seconds: float
    buckets: tuple[tuple[float | None, int], ...]  # upper bound (None: beyond the last), calls in this bucket


@dataclass(frozen=True, slots=True)
class Answered:
    """One call, decided: the request as it was read, the decision, and how long it took."""

    service: KnownService
    request: HookRequest
    decision: Decision
    milliseconds: float


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Bench:
    """The parts that the pages work with; `decide` is the one that live calls use."""

    knowledge: Knowledge
    decide: Callable[[HookRequest, KnownService], Decision]
    keep: Callable[[str, HookRequest, Decision], None]
    keep_feedback: Callable[[str, ClientProfile, Sequence[FeedbackEvent]], None]
    database: Database
    latencies: Callable[[], Iterable[Latency]]
    folders: tuple[Path, ...]  # of the loaded content: case files are looked for below them
    base_url: str
    earlier: tuple[Path, ...] = ()  # folders with earlier versions of the content
    quality_data: Path | None = None  # records of the site for the quality page
    limits: Limits = field(default_factory=Limits)
    now: Callable[[], datetime] = _now
    clock: Callable[[], float] = time.perf_counter
    new_id: Callable[[], str] = field(default=lambda: str(uuid.uuid4()))

    @property
    def as_of_member(self) -> str:
        """The extension member that moves the decision time; tries on the workbench may always use it."""
        return f"{self.knowledge.namespace}.asOf"

    def service(self, identifier: str) -> KnownService:
        """A service by its id."""
        found = self.knowledge.services.get(identifier)
        if found is None:
            raise UnusableInput("No service has this id.", remedy="Choose one of the list.")
        return found

    def answer(self, service: KnownService, body: bytes, *, keeps: bool = False) -> Answered:
        """Decide the call in `body` as a live one, at the time it says; the errors of a live call are raised."""
        parser = RequestParser(service.hook, self.knowledge.resource_type, self.limits)
        arrival = Arrival(self.now(), self.new_id(), CLIENT, self.as_of_member)
        begun = self.clock()
        request = parser.parse(body, arrival)
        decision = self.decide(request, service)
        spent = (self.clock() - begun) * 1000
        if keeps:
            self.keep(service.id, request, decision)
        return Answered(service, request, decision, spent)
