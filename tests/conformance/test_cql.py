"""Every case of the CQL suite: the expression and the expected output, both evaluated, are the same value.

The cases about dates run at two more time zone offsets: nothing may depend on where the evaluation takes place.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from cds_service.cql.expressions import evaluate_expression
from cds_service.errors import CdsError
from cds_service.values import dates
from cds_service.values.equality import equal
from cds_service.values.formatting import to_cql
from cds_service.values.interval import Interval
from cds_service.values.uncertainty import Uncertainty
from tests.conformance.cql_cases import CqlCase, own_cases, published_cases
from tests.conformance.suites import HERE, as_parameter, suite_folder

_ABOUT_DATES = ("Date", "Time", "Interval", "Comparison")


def _cases() -> list[CqlCase]:
    folder = suite_folder("cql")
    return [*(published_cases(folder) if folder else ()), *own_cases(HERE / "own")]


def _parameters(cases: list[CqlCase]) -> list[Any]:
    return [as_parameter("cql", case.id, case) for case in cases]


@pytest.mark.parametrize("case", _parameters(_cases()))
def test_cql(case: CqlCase) -> None:
    _check(case, offset=0)


@pytest.mark.parametrize("offset", [-420, 330], ids=["at-07:00", "at+05:30"])
@pytest.mark.parametrize(
    "case", _parameters([case for case in _cases() if any(name in case.id for name in _ABOUT_DATES)])
)
def test_cql_elsewhere(case: CqlCase, offset: int) -> None:
    _check(case, offset)


def _check(case: CqlCase, offset: int) -> None:
    if case.output is None:
        with pytest.raises(CdsError):
            _value(case.expression, offset)
        return
    expected, found = _value(case.output, offset), _value(case.expression, offset)
    same = found is None if expected is None else equal(found, expected) is True
    assert same, f"{case.expression.strip()} is {to_cql(found)}, not {to_cql(expected)}"


def _value(text: str, offset: int) -> Any:
    """The value of an expression; an uncertain number as the interval that the suite writes for it."""
    as_of = datetime(2025, 6, 15, 23, 30, tzinfo=timezone(timedelta(minutes=offset)))
    with dates.evaluated_at(offset):
        value = evaluate_expression(text, as_of=as_of).value
    return Interval(value.low, value.high, point_type=value.point_type) if isinstance(value, Uncertainty) else value
