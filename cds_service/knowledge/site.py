"""What a site sets: values for the parameters of libraries, written as CQL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cds_service.cql.compile import CompiledLibraries
from cds_service.cql.expressions import evaluate_expression
from cds_service.errors import CdsError, ContentError
from cds_service.fhir.model.types import Model


class UnknownParameter(ContentError):
    """A parameter that no library declares, or a value that is no CQL."""

    code = "unknown-parameter"


def site_parameters(
    written: Mapping[str, str], compiled: CompiledLibraries, model: Model, errors: list[CdsError]
) -> dict[tuple[str, str], Any]:
    """The values by (library, parameter)."""
    found: dict[tuple[str, str], Any] = {}
    for name, text in written.items():
        library, _, parameter = name.partition(".")
        known = {p.name for p in compiled.parameters(library)} if library in compiled.libraries else set()
        if parameter not in known:
            what = f"There is no parameter {name}."
            errors.append(UnknownParameter(what, remedy="Write Library.Parameter as the library declares it."))
            continue
        try:
            found[library, parameter] = evaluate_expression(text, model=model).value
        except CdsError as error:
            errors.append(UnknownParameter(f"{name}: {error}", remedy="Write the value as CQL, e.g. 30 'd'."))
    return found
