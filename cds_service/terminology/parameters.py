"""What a FHIR operation is asked with and answers: R4 Parameters in and out, query strings in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cds_service.terminology.artifacts import Resource, split_canonical
from cds_service.terminology.failures import OperationFailed


@dataclass(frozen=True, slots=True)
class Coding:
    """A coding as an operation is given it."""

    system: str | None
    code: str
    display: str | None = None
    version: str | None = None


class Inputs:
    """The named values of one call, wherever they came from; a value of the wrong kind is a 400."""

    def __init__(self, values: Mapping[str, list[Any]]) -> None:
        self._values = values

    @classmethod
    def of_query(cls, pairs: Iterable[tuple[str, str]]) -> Inputs:
        """The inputs of a GET."""
        values: dict[str, list[Any]] = {}
        for name, value in pairs:
            values.setdefault(name, []).append(value)
        return cls(values)

    @classmethod
    def of_parameters(cls, resource: object) -> Inputs:
        """The inputs of a POST: a Parameters resource."""
        if not isinstance(resource, dict) or resource.get("resourceType") != "Parameters":
            raise _invalid("The body is no Parameters resource.")
        values: dict[str, list[Any]] = {}
        parameters = resource.get("parameter", [])
        if not isinstance(parameters, list):
            raise _invalid("Parameters.parameter must be a list.")
        for parameter in parameters:
            if not isinstance(parameter, dict) or not isinstance(parameter.get("name"), str):
                raise _invalid("Every parameter needs a name.")
            value = next((v for k, v in parameter.items() if k.startswith("value") or k == "resource"), None)
            if value is not None:
                values.setdefault(parameter["name"], []).append(value)
        return cls(values)

    def text(self, name: str) -> str | None:
        """One primitive value as text."""
        value = self._one(name)
        if value is None or isinstance(value, str):
            return value or None
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int | float):
            return str(value)
        raise _invalid(f"The parameter {name} must be a simple value.")

    def number(self, name: str) -> int | None:
        """One whole number from 0."""
        text = self.text(name)
        if text is None:
            return None
        if not text.isascii() or not text.isdigit() or len(text) > 9:
            raise _invalid(f"The parameter {name} must be a whole number from 0.")
        return int(text)

    def flag(self, name: str) -> bool:
        """One boolean, false when it is not given."""
        text = self.text(name)
        if text not in (None, "true", "false"):
            raise _invalid(f"The parameter {name} must be true or false.")
        return text == "true"

    def texts(self, name: str) -> list[str]:
        """Every value of a parameter that may repeat."""
        return [value for value in self._values.get(name, ()) if isinstance(value, str)]

    def resource(self, name: str, kind: str) -> Resource | None:
        """A resource that was sent along."""
        value = self._one(name)
        if value is None:
            return None
        if not isinstance(value, dict) or value.get("resourceType") != kind:
            raise _invalid(f"The parameter {name} must be a {kind} resource.")
        return value

    def canonical(self, name: str, version_name: str = "") -> tuple[str | None, str | None]:
        """URL and version of a canonical; the version may come in a parameter of its own."""
        text = self.text(name)
        version = self.text(version_name) if version_name else None
        return split_canonical(text, version) if text else (None, version)

    def codings(self, suffix: str = "", system: str = "system") -> list[Coding]:
        """The code that is asked about: code and system, a coding, or every coding of a codeable concept."""
        found: list[Coding] = []
        code = self.text(f"code{suffix}")
        if code is not None:
            found.append(
                Coding(
                    self.text(system), code, self.text("display"), self.text("systemVersion") or self.text("version")
                )
            )
        coding = self._one(f"coding{suffix}")
        if coding is not None:
            found.append(_coding(coding))
        concept = self._one("codeableConcept") if not suffix else None
        if concept is not None:
            codings = concept.get("coding", []) if isinstance(concept, dict) else None
            if not isinstance(codings, list):
                raise _invalid("The parameter codeableConcept must be a CodeableConcept.")
            found.extend(_coding(one) for one in codings)
        return found

    def _one(self, name: str) -> Any:
        values = self._values.get(name, [])
        if len(values) > 1:
            raise _invalid(f"The parameter {name} may be given once.")
        return values[0] if values else None


def _coding(raw: object) -> Coding:
    if isinstance(raw, str):  # GET: system|code, as tokens are written in a search
        system, bar, code = raw.rpartition("|")
        raw = {"system": system, "code": code} if bar and system else {"code": code}
    if not isinstance(raw, dict) or not isinstance(raw.get("code"), str):
        raise _invalid("A coding needs a code.")
    texts = {key: value for key, value in raw.items() if isinstance(value, str)}
    return Coding(texts.get("system"), texts["code"], texts.get("display"), texts.get("version"))


def _invalid(what: str) -> OperationFailed:
    return OperationFailed(what, status=400, issue="invalid")


def missing(what: str) -> OperationFailed:
    """The error for an input that an operation cannot do without."""
    return OperationFailed(what, status=400, issue="required")


def parameters(*parts: Mapping[str, Any] | None) -> dict[str, Any]:
    """A Parameters resource of the parts that exist."""
    return {"resourceType": "Parameters", "parameter": [part for part in parts if part is not None]}


def part(name: str, kind: str, value: object) -> dict[str, Any] | None:
    """One parameter, or none where there is no value."""
    return None if value is None else {"name": name, f"value{kind}": value}


def group(name: str, *parts: Mapping[str, Any] | None) -> dict[str, Any]:
    """A parameter made of parts."""
    return {"name": name, "part": [one for one in parts if one is not None]}
