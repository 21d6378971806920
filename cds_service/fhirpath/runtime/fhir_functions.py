"""The functions that FHIR adds to FHIRPath."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any
from xml.etree import ElementTree

from cds_service.fhir.model.types import r4
from cds_service.fhirpath.environment import Environment
from cds_service.fhirpath.failures import FhirPathEvaluationError
from cds_service.fhirpath.items import Primitive, extensions_of

_DEFINITION = "http://hl7.org/fhir/StructureDefinition/"
_TAGS = frozenset(
    """a abbr acronym b big blockquote br caption cite code col colgroup dd dfn div dl dt em h1 h2 h3 h4 h5 h6 hr i img
    li ol p pre q samp small span strong sub sup table tbody td tfoot th thead tr tt ul var""".split()  # noqa: SIM905 - a list of words reads better so
)
_ATTRIBUTES = frozenset(
    """abbr accesskey align alt axis border cellhalign cellpadding cellspacing cellvalign char charoff charset cite
    class colspan dir frame headers height href hreflang id lang longdesc name rel rev rowspan rules scope shape span
    src start style summary tabindex target title type value valign width""".split()  # noqa: SIM905 - a list of words reads better so
)


def has_value(item: Any) -> bool:
    """Whether an item is a primitive with a value."""
    return item.value is not None if item.__class__ is Primitive else not hasattr(item, "fhir_type")


def extension(items: Iterable[Any], url: str | None) -> list[Any]:
    """The extensions of the items with that URL."""
    return [] if url is None else [found for item in items for found in extensions_of(item, url)]


def resolve(items: Iterable[Any], env: Environment, container: Any) -> list[Any]:
    """The resources that references, or texts with a reference, lead to; what is not at hand is left out."""
    result = []
    for item in items:
        text = item.value if item.__class__ is Primitive else item
        if getattr(item, "fhir_type", None) == "Reference":
            text = item.reference
        if text.__class__ is not str:
            continue
        found = _contained(text, container)
        if found is None and env.resolve is not None:
            found = env.resolve(text, container)
        if found is not None:
            result.append(found)
    return result


def _contained(reference: str, container: Any) -> Any:
    if not reference.startswith("#") or container is None:
        return None
    if reference == "#":
        return container
    return next((part for part in getattr(container, "contained", ()) if part.id == reference[1:]), None)


def conforms_to(item: Any, url: str | None) -> bool | None:
    """Whether an item is of the type whose definition has that URL; only the types of FHIR R4 are known."""
    if item is None or url is None:
        return None
    name = url.partition("|")[0].removeprefix(_DEFINITION)
    if not url.startswith(_DEFINITION) or r4().get(name) is None:
        raise FhirPathEvaluationError(
            f"The profile {url} is not known.", remedy="Name a type of FHIR R4, or test the elements themselves."
        )
    return r4().is_subtype(getattr(item, "fhir_type", getattr(item, "type", "")), name)


def _codings(item: Any, what: str) -> Sequence[tuple[str | None, str]]:
    kind = getattr(item, "fhir_type", None)
    if kind == "Coding":
        return [(item.system, item.code)] if item.code is not None else []
    if kind == "CodeableConcept":
        return [(coding.system, coding.code) for coding in item.coding if coding.code is not None]
    text = item.value if item.__class__ is Primitive else item
    if text.__class__ is str:
        return [(None, text)]
    raise FhirPathEvaluationError(f"{what} takes a code, Coding or CodeableConcept.", remedy="Choose another element.")


def _terminology(env: Environment, what: str) -> Any:
    if env.terminology is None:
        raise FhirPathEvaluationError(f"{what} needs terminology, and none was given.", remedy="Give it one.")
    return env.terminology


def member_of(item: Any, url: str | None, env: Environment) -> bool | None:
    """Whether one of the item's codes is in the value set; a bare code is looked up by itself."""
    if item is None or url is None:
        return None
    members = _terminology(env, "memberOf()").membership(url)
    bare = getattr(members, "contains_code", None)
    for system, code in _codings(item, "memberOf()"):
        if system is None and bare is not None:
            if bare(code):
                return True
        elif members.contains(system, code):
            return True
    return False


def subsumes(item: Any, other: Any, env: Environment) -> bool | None:
    """Whether a code of the item is the same as, or above, a code of the other; None where that is not known."""
    if item is None or other is None:
        return None
    terminology, unknown = _terminology(env, "subsumes()"), False
    for system, code in _codings(item, "subsumes()"):
        for other_system, other_code in _codings(other, "subsumes()"):
            if system != other_system:
                continue
            if code == other_code:
                return True
            outcome = terminology.subsumes(system, code, other_code) if system is not None else None
            if outcome in ("equivalent", "subsumes"):
                return True
            unknown = unknown or outcome is None
    return None if unknown else False


def subsumed_by(item: Any, other: Any, env: Environment) -> bool | None:
    """`subsumes` the other way round."""
    return subsumes(other, item, env)


def html_checks(item: Any) -> bool | None:
    """Whether the text of a narrative keeps to the XHTML that FHIR allows."""
    if item is None:
        return None
    text = item.div if getattr(item, "fhir_type", None) == "Narrative" else getattr(item, "value", item)
    if text.__class__ is not str:
        return False
    try:
        root = ElementTree.fromstring(re.sub(r"&(?!amp;|lt;|gt;|quot;|apos;|#)\w+;", "", text))  # noqa: S314 - entities are taken out before
    except ElementTree.ParseError:
        return False
    if root.tag.rpartition("}")[2] != "div":
        return False
    filled = False
    for element in root.iter():
        filled = filled or bool((element.text or "").strip()) or element.tag.endswith("img")
        if element is not root:
            filled = filled or bool((element.tail or "").strip())
        if element.tag.rpartition("}")[2] not in _TAGS:
            return False
        if any(name not in _ATTRIBUTES and not name.startswith("{") for name in element.attrib):
            return False
    return filled
