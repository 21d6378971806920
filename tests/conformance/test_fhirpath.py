"""Every case of the FHIRPath suite for FHIR R4: the outputs come in that order, and what is invalid is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from cds_service.errors import CdsError
from cds_service.fhirpath.engine import compile_fhirpath
from cds_service.fhirpath.environment import Environment
from cds_service.values.dates import now_from
from tests.conformance.fhirpath_cases import FhirPathCase, matches, own_cases, published_cases, resource_of
from tests.conformance.suites import HERE, as_parameter, suite_folder


def _cases() -> list[Any]:
    folder = suite_folder("fhirpath")
    published = list(published_cases(folder)) if folder else []
    return [as_parameter("fhirpath", case.id, case) for case in (*published, *own_cases(HERE / "own"))]


def _results(case: FhirPathCase) -> list[tuple[str, Any]]:
    focus = resource_of(case.resource) if case.resource is not None else None
    context_type = focus.fhir_type if focus is not None else None
    environment = Environment(now=now_from(datetime.now(UTC)))
    compiled = compile_fhirpath(case.expression, context_type, check_order=case.check_order)
    if case.as_truth:
        return [("System.Boolean", compiled.truth(focus, environment))]
    return compiled.typed(focus, environment)


@pytest.mark.parametrize("case", _cases())
def test_fhirpath(case: FhirPathCase) -> None:
    if case.invalid:
        with pytest.raises(CdsError):
            _results(case)
        return
    found = _results(case)
    same = len(found) == len(case.outputs) and all(map(matches, found, case.outputs))
    assert same, f"{case.expression.strip()} gives {found}, not {list(case.outputs)}"
