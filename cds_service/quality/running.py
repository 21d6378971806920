"""One patient's data in, that patient's counts out; the same for a request, a folder and a cluster."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from cds_service.cql.evaluation import Evaluation
from cds_service.errors import CdsError
from cds_service.facts.facts import Facts, facts_from_bundle
from cds_service.fhir.limits import Limits
from cds_service.quality.counting import Counted, count_patient
from cds_service.quality.measures import Measure
from cds_service.quality.programme import Programme
from cds_service.values.dates import now_from
from cds_service.values.interval import Interval
from cds_service.values.temporals import Date

PERIOD = "Measurement Period"
UNREADABLE = "Unreadable"
LENGTH = "Period length"


class WrongPeriod(CdsError):
    """A period that cannot be read."""

    code = "usage"
    status = 400


class NoPatient(CdsError):
    """Data that hold no patient."""

    code = "no-patient"
    status = 400


@dataclass(frozen=True, slots=True)
class Period:
    """The days that are reported on, both included."""

    first: date
    last: date

    def __str__(self) -> str:
        return f"{self.first.isoformat()} to {self.last.isoformat()}"

    @property
    def interval(self) -> Interval:
        """From the first moment of the first day to the last of the last."""
        begin = datetime.combine(self.first, time.min, UTC)
        end = datetime.combine(self.last, time.max, UTC).replace(microsecond=999_000)
        return Interval(now_from(begin), now_from(end), True, True, "DateTime")


def parse_period(text: str) -> Period:
    """`2024`, `2024-Q3`, `2024-07`, or `2024-07-01/2025-06-30`."""
    first, slash, last = text.partition("/")
    try:
        period = Period(_ends(first)[0], _ends(last)[1]) if slash else Period(*_ends(first))
    except ValueError:
        raise WrongPeriod(
            f"{text!r} is no period.", remedy="Write 2024, 2024-Q3, 2024-07 or 2024-07-01/2025-06-30."
        ) from None
    if period.last < period.first:
        raise WrongPeriod(f"The period {text!r} ends before it begins.")
    return period


def _ends(text: str) -> tuple[date, date]:
    year, _, rest = text.strip().partition("-")
    if not rest:
        return date(int(year), 1, 1), date(int(year), 12, 31)
    if rest[:1] in "Qq":
        month = 3 * int(rest[1:]) - 2
        return date(int(year), month, 1), _month_end(int(year), month + 2)
    if len(rest) == 2:
        return date(int(year), int(rest), 1), _month_end(int(year), int(rest))
    day = date.fromisoformat(text.strip())
    return day, day


def _month_end(year: int, month: int) -> date:
    following = date(year + month // 12, month % 12 + 1, 1)
    return following - timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Record:
    """The definitions of a programme over one patient, now or as of another moment."""

    programme: Programme
    facts: Facts
    parameters: Mapping[Any, Any]
    run: Evaluation

    def value(self, library: str, define: str) -> Any:
        """The value of a definition."""
        return self.run.value(library, define)

    def at(self, moment: Any) -> Record:
        """The same record as of `moment`; a day means its beginning, so that what the day brought is not known yet."""
        if isinstance(moment, Date):
            moment = datetime(moment.year, moment.month or 1, moment.day or 1, tzinfo=UTC)
        return record_of(self.programme, self.facts.at(moment), self.parameters)


def record_of(programme: Programme, facts: Facts, parameters: Mapping[Any, Any]) -> Record:
    """The definitions of `programme` over `facts`."""
    return Record(programme, facts, parameters, Evaluation(programme.compiled, facts, parameters))


@dataclass(frozen=True, slots=True)
class Counter:
    """Counts patients against the measures of a programme."""

    programme: Programme
    measures: tuple[Measure, ...]
    period: Period
    as_of: datetime
    name: Callable[[str], str] = str  # how a subject is called in the results
    parameters: Mapping[str, Any] | None = None

    def count(self, body: bytes, limits: Limits | None = None) -> tuple[str, tuple[Counted, ...]]:
        """The subject of a Bundle and what it counts for."""
        facts = facts_from_bundle(
            body, as_of=self.as_of, decoder=self.programme.decoder, groups=self.programme.groups, limits=limits
        )
        return self.count_facts(facts)

    def count_facts(self, facts: Facts) -> tuple[str, tuple[Counted, ...]]:
        """The same for facts that were read already."""
        patient = facts.patient
        identifier = getattr(patient, "id", None) or facts.patient_id
        if identifier is None:
            raise NoPatient("The data hold no Patient.", remedy="Send one patient's resources with the Patient.")
        subject = self.name(f"Patient/{identifier}")
        given: dict[Any, Any] = {PERIOD: self.period.interval, UNREADABLE: list(facts.unreadable())}
        given.update(self.parameters or {})
        known = {name: value for name, value in given.items() if name in self.programme.parameter_names}
        record = record_of(self.programme, facts, {**self.programme.parameters, **known})
        return subject, tuple(part for measure in self.measures for part in count_patient(measure, record, subject))
