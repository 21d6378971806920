"""Ages: from a birth date to now or to another day."""

from __future__ import annotations

from typing import Any

from cds_service.values import dates, durations
from cds_service.values.precisions import Precision
from cds_service.values.temporals import Date, DateTime

_SHORT = (Precision.HOUR, Precision.MINUTE, Precision.SECOND)


def at(birth: Date | DateTime | None, day: Date | DateTime | None, precision: Precision) -> Any:
    """The age at a day in whole units."""
    if birth is None or day is None:
        return None
    if precision in _SHORT:
        birth = dates.to_datetime(birth) if isinstance(birth, Date) else birth
        day = dates.to_datetime(day) if isinstance(day, Date) else day
    elif isinstance(birth, Date) and isinstance(day, DateTime):
        day = dates.date_from(day)
    elif isinstance(birth, DateTime) and isinstance(day, Date):
        birth = dates.date_from(birth)
    return durations.duration(birth, day, precision)


def now(run: Any, birth: Date | DateTime | None, precision: Precision) -> Any:
    """The age today, or now."""
    day: Date | DateTime = run.today() if isinstance(birth, Date) else run.now()
    return at(birth, day, precision)


def of_patient(run: Any, precision: Precision) -> Any:
    """The age of the patient today."""
    return now(run, run.birth_date(), precision)


def of_patient_at(run: Any, day: Date | DateTime | None, precision: Precision) -> Any:
    """The age of the patient at a day."""
    return at(run.birth_date(), day, precision)
