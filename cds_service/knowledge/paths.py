"""FHIRPath of plans, each text compiled once; plain JSON among the variables is read as FHIR."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import msgspec

from cds_service.errors import CdsError
from cds_service.facts.facts import Facts
from cds_service.fhir.model.types import Model
from cds_service.fhir.structs.decoding import Decoder
from cds_service.fhir.structs.flavours import Reads, _All, full
from cds_service.fhirpath.engine import Compiled, compile_fhirpath, variables_of
from cds_service.fhirpath.environment import Environment
from cds_service.plans.logic import PathEvaluating
from cds_service.terminology.terminology import Terminology

_ENCODER = msgspec.json.Encoder(decimal_format="number")


class FhirPaths:
    """Evaluates FHIRPath texts."""

    def __init__(self, model: Model, terminology: Terminology) -> None:
        self._model, self._terminology = model, terminology
        self._compiled: dict[tuple[Any, ...], Compiled] = {}
        self._decoder = Decoder(full())
        self._structs: dict[int, tuple[Any, Any]] = {}

    def over(self, facts: Facts) -> PathEvaluating:
        """The same for one patient: references resolve among its facts, and now is its moment."""
        return partial(self._evaluate, facts)

    def _evaluate(self, facts: Facts, text: str, focus: Any, variables: Mapping[str, Any]) -> list[Any]:
        structs = {name: self._struct(value) for name, value in variables.items()}
        about = self._struct(focus)
        environment = Environment(
            now=facts.as_of,
            resource=structs.get("resource"),
            context=structs.get("context"),
            variables=structs,
            resolve=facts.resolve,
            terminology=self._terminology,
        )
        known = tuple(sorted((name, getattr(value, "fhir_type", None)) for name, value in structs.items()))
        return self._path(text, getattr(about, "fhir_type", None), known).evaluate(about, environment)

    def reads(self, text: str) -> Reads | _All:
        """The elements that `text` reads about a patient, by type; ALL where only its variables would tell."""
        variables = tuple((name, None) for name in sorted(variables_of(text)))
        try:
            return self._path(text, "Patient", variables).reads()
        except CdsError:  # about something else, or wrong: whoever evaluates it is told
            return self._path(text, None, variables).reads()

    def _path(self, text: str, about: str | None, variables: tuple[tuple[str, str | None], ...]) -> Compiled:
        key = (text, about, variables)
        if key not in self._compiled:
            self._compiled[key] = compile_fhirpath(text, about, variables=dict(variables), model=self._model)
        return self._compiled[key]

    def _struct(self, value: Any) -> Any:
        if not isinstance(value, Mapping) or "resourceType" not in value:
            return value
        known = self._structs.get(id(value))
        if known is None or known[0] is not value:
            known = (value, self._decoder.resource(_ENCODER.encode(value)))
            self._structs[id(value)] = known
        return known[1]
