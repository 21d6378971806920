"""Whose data a resource is: those of another patient are dropped before anything looks at them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any

from cds_service.fhir.model.types import attribute_name, r4
from cds_service.fhir.references import names_patient, parse_reference
from cds_service.fhir.structs.flavours import Struct

FullUrls = Callable[[], Mapping[str, Struct]]  # what stands at which full URL, asked only where it matters


def of_patient(members: Sequence[Struct], patient_id: str, full_urls: FullUrls) -> Sequence[Struct]:
    """The resources (of one type) that are not another patient's; those that are nobody's stay."""
    if not members:
        return members
    way = _way(members[0].__class__)
    if way is None:
        return members
    path, read = way
    if read is None:
        return [member for member in members if is_patient(member, patient_id)]
    try:
        # Nearly always all of them name the patient in the same words.
        if list(map(read, members)).count(f"Patient/{patient_id}") == len(members):
            return members
    except AttributeError:
        pass
    return [member for member in members if _may_be(member, path, patient_id, full_urls)]


def is_patient(resource: Any, patient_id: str) -> bool:
    """Whether a Patient is this one; some servers write the type before the id."""
    return resource.id in (patient_id, f"Patient/{patient_id}")


@functools.cache
def _way(made: type[Struct]) -> tuple[str, Callable[[Struct], Any] | None] | None:
    """The path to the patient of a type and what reads the text there; no reader for the Patient, no way for some."""
    fhir_type: str = made.fhir_type  # type: ignore[attr-defined]  # classes of resources are made from the model
    path = r4().type(fhir_type).patient_path
    if path is None:
        return None
    return path, None if fhir_type == "Patient" else attrgetter(f"{attribute_name(path)}.reference")


def _may_be(resource: Struct, path: str, patient_id: str, full_urls: FullUrls) -> bool:
    verdicts = [_is_about(reference, patient_id, full_urls) for reference in references_at(resource, path)]
    return True in verdicts or False not in verdicts


def _is_about(reference: Any, patient_id: str, full_urls: FullUrls) -> bool | None:
    text = reference.reference
    if text is None:
        return None
    verdict = names_patient(text, patient_id)
    if verdict is None and parse_reference(text).url is not None:
        target = full_urls().get(text)
        if target is not None and target.fhir_type == "Patient":  # type: ignore[attr-defined]
            return bool(target.id == patient_id)  # type: ignore[attr-defined]
    return verdict


def references_at(resource: Struct, path: str) -> Iterator[Any]:
    """The Reference elements at a path such as `subject` or `participant.actor`."""
    elements: list[Any] = [resource]
    for step in path.split("."):
        following: list[Any] = []
        for element in elements:
            value = getattr(element, attribute_name(step), None)
            if isinstance(value, list):
                following += value
            elif value is not None and value != ():
                following.append(value)
        elements = following
    for element in elements:
        if getattr(element, "fhir_type", None) == "Reference":
            yield element
