"""The expressions of plans: a definition by name, CQL or FHIRPath written in place, or a literal.

`read_expression` decides what a FHIR Expression means; published content writes the same thing in many ways
(`text/cql-identifier`, `text/cql.identifier`, `text/cql` with a quoted name, a bare name, a string literal).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

_IDENTIFIER_LANGUAGES = frozenset({"text/cql-identifier", "text/cql.identifier", "text/cql-name", "text/cql.name"})
_CQL_LANGUAGES = frozenset({"text/cql", "text/cql-expression", "text/cql.expression", "application/cql"})
_FHIRPATH_LANGUAGES = frozenset({"text/fhirpath", "application/fhirpath"})
_QUOTED = re.compile(r'^"((?:[^"\\]|\\.)*)"(?:\s*\.\s*"((?:[^"\\]|\\.)*)")?$')
_DOTTED = re.compile(r'^(?:"([^"]+)"|([A-Za-z_]\w*))\s*\.\s*(?:"([^"]+)"|(.+))$')
_LITERAL = re.compile(r"^'((?:[^'\\]|\\.)*)'$")


class Define(msgspec.Struct, frozen=True):
    """A definition of a CQL library."""

    library: str
    name: str


@dataclass(frozen=True, slots=True)
class InlineCql:
    """CQL written in the plan itself; it sees the definitions of `library` unqualified."""

    name: str  # unique: under this the compiler knows it
    text: str
    library: str | None


@dataclass(frozen=True, slots=True)
class FhirPath:
    """FHIRPath written in the plan itself."""

    text: str


@dataclass(frozen=True, slots=True)
class Literal:
    """A value that needs no evaluation."""

    value: Any


@dataclass(frozen=True, slots=True)
class Unusable:
    """An expression that cannot be evaluated at all, with the reason; whatever depends on it fails."""

    reason: str


Expression = Define | InlineCql | FhirPath | Literal | Unusable
HasDefinition = Callable[[str, str], bool]  # (library, definition) -> is there one


def read_expression(
    written: Mapping[str, Any], library: str | None, has_definition: HasDefinition, place: str
) -> Expression:
    """What the FHIR Expression `written` means in a plan with primary library `library`; `place` makes it unique."""
    text = str(written.get("expression", "")).strip()
    language = str(written.get("language", "")).strip()
    if not text:
        reference = written.get("reference")
        return Unusable(f"An expression at {reference} is not text." if reference else "The expression is empty.")
    if language in _IDENTIFIER_LANGUAGES:
        return named(text, library, has_definition) or Unusable(
            f'There is no definition "{text}"'
            + (f" in library {library}." if library else ": no library that the plan names is loaded.")
        )
    if language in _FHIRPATH_LANGUAGES:
        return FhirPath(text)
    if language in _CQL_LANGUAGES or not language:
        if define := named(text, library, has_definition):
            return define
        if literal := _LITERAL.match(text):
            return Literal(literal.group(1).replace("\\'", "'").replace('\\"', '"').replace("\\\\", "\\"))
        if text in {"true", "false"}:
            return Literal(text == "true")
        return InlineCql(place, text, library)
    return Unusable(f"The expression language {language} is not known here.")


def named(text: str, library: str | None, has_definition: HasDefinition) -> Define | None:
    """The definition that `text` names: bare or quoted, with or without its library."""
    bare = text
    if (quoted := _QUOTED.match(text)) and quoted.group(2) is None:
        bare = quoted.group(1).replace('\\"', '"')
    if library and has_definition(library, bare):
        return Define(library, bare)
    if dotted := _DOTTED.match(text):
        owner, name = dotted.group(1) or dotted.group(2), dotted.group(3) or dotted.group(4)
        if has_definition(owner, name):
            return Define(owner, name)
    return None
