"""FHIRPath of plans, each text compiled once; plain JSON among the variables is read as FHIR."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from cds_service.fhir.model.types import Model
from cds_service.fhir.structs.decoding import Decoder
from cds_service.fhir.structs.flavours import full
from cds_service.fhirpath.compile import CompiledPath, compile_fhirpath
from cds_service.terminology.terminology import Terminology

_ENCODER = msgspec.json.Encoder(decimal_format="number")


class FhirPaths:
    """Evaluates FHIRPath texts."""

    def __init__(self, model: Model, terminology: Terminology) -> None:
        self._model, self._terminology = model, terminology
        self._compiled: dict[str, CompiledPath] = {}
        self._decoder = Decoder(full())
        self._structs: dict[int, tuple[Any, Any]] = {}

    def __call__(self, text: str, focus: Any, variables: Mapping[str, Any]) -> list[Any]:
        """The collection that `text` gives for `focus`."""
        environment = {name: self._struct(value) for name, value in variables.items()}
        found: list[Any] = self._path(text).evaluate(self._struct(focus), environment)
        return found

    def reads(self, text: str) -> Mapping[str, Any]:
        """The elements that `text` reads, by type."""
        return self._path(text).reads()

    def _path(self, text: str) -> CompiledPath:
        if text not in self._compiled:
            self._compiled[text] = compile_fhirpath(text, model=self._model, terminology=self._terminology)
        return self._compiled[text]

    def _struct(self, value: Any) -> Any:
        if not isinstance(value, Mapping) or "resourceType" not in value:
            return value
        known = self._structs.get(id(value))
        if known is None or known[0] is not value:
            known = (value, self._decoder.resource(_ENCODER.encode(value)))
            self._structs[id(value)] = known
        return known[1]
