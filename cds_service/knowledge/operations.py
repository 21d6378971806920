"""The FHIR operations of plans and libraries (`$apply`, `$data-requirements`, `$evaluate`), without a web framework."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from cds_service.errors import CdsError
from cds_service.facts.facts import Facts, facts_from_bundle
from cds_service.fhir.references import parse_reference
from cds_service.fhir.structs.decoding import Decoder
from cds_service.fhir.structs.flavours import full
from cds_service.knowledge.definitions import defines_of
from cds_service.knowledge.knowledge import Knowledge
from cds_service.knowledge.reading import closure
from cds_service.knowledge.running import logic_for
from cds_service.plans.activities import Subjects
from cds_service.plans.apply import Applied, apply_plan
from cds_service.plans.definitions import Plan
from cds_service.plans.element_values import fhir_value
from cds_service.plans.expressions import Expression
from cds_service.plans.extensions import listed
from cds_service.plans.rendering import bundle, care_plan
from cds_service.values import date_texts as dates
from cds_service.values.codes import Code, Concept
from cds_service.values.quantity import Quantity, make
from cds_service.values.tuples import Tuple

_ENCODER = msgspec.json.Encoder(decimal_format="number")
_NOTHING = b'{"resourceType":"Bundle","type":"collection"}'


class OperationRefused(CdsError):
    """An operation was called with something that it cannot work on."""

    code = "operation-refused"
    status = 400
    issue = "invalid"


class NotLoaded(CdsError):
    """A definition was named that is not part of the loaded knowledge."""

    code = "not-found"


@dataclass(frozen=True, slots=True)
class ApplyInputs:
    """What a plan is applied to."""

    subject: str
    data: bytes = _NOTHING
    encounter: str | None = None
    practitioner: str | None = None
    organization: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)


def read_apply_inputs(resource: Any) -> ApplyInputs:
    """The inputs of `$apply` from a FHIR Parameters resource."""
    inputs = _parts(resource)
    subject = _text(inputs, "subject")
    if not subject:
        raise OperationRefused("The parameter subject is missing.", remedy="Send subject as a string: Patient/1.")
    if any(part.get("name") == "data" and not isinstance(part.get("resource"), Mapping) for part in inputs):
        raise OperationRefused("The parameter data holds no resource.", remedy="Send a Bundle as its resource.")
    data = [part["resource"] for part in inputs if part.get("name") == "data"]
    data += [
        inner["resource"]
        for part in inputs
        if part.get("name") in {"prefetchData", "additionalData"}
        for inner in [*listed(part.get("part")), part]
        if isinstance(inner.get("resource"), Mapping)
    ]
    parameters: dict[str, Any] = {}
    for part in inputs:
        if part.get("name") == "parameters" and isinstance(part.get("resource"), Mapping):
            parameters = library_parameters(part["resource"])
    return ApplyInputs(
        subject=subject if "/" in subject else f"Patient/{subject}",
        data=_ENCODER.encode(_together(data)) if data else _NOTHING,
        encounter=_text(inputs, "encounter"),
        practitioner=_text(inputs, "practitioner"),
        organization=_text(inputs, "organization"),
        parameters=parameters,
    )


def apply_operation(knowledge: Knowledge, plan: Plan, inputs: ApplyInputs, as_of: datetime) -> Applied:
    """`plan` applied to the subject, with the data given and nothing else."""
    facts = facts_for(inputs.data, inputs.subject, as_of)
    variables = {
        "encounter": facts.resolve(inputs.encounter) if inputs.encounter else None,
        "practitioner": facts.resolve(inputs.practitioner) if inputs.practitioner else None,
        "organization": facts.resolve(inputs.organization) if inputs.organization else None,
    }
    logic = logic_for(
        knowledge, facts, inputs.parameters, {**variables, "practitioner": variables["practitioner"] or []}
    )
    subjects = Subjects(inputs.subject, inputs.encounter, inputs.practitioner, inputs.organization)
    return apply_plan(plan, subjects, logic, knowledge.definitions)


def render_applied(applied: Applied, *, as_bundle: bool) -> dict[str, Any]:
    """The answer of `$r5.apply` (a Bundle) or of `$apply` (a CarePlan)."""
    return bundle(applied) if as_bundle else care_plan(applied)


def facts_for(data: bytes, subject: str, as_of: datetime) -> Facts:
    """The facts about one subject in a Bundle; a subject that is no patient limits nothing."""
    named = parse_reference(subject if "/" in subject else f"Patient/{subject}")
    patient = named.id if named.type == "Patient" else None
    return facts_from_bundle(data, as_of=as_of, patient_id=patient, decoder=Decoder(full()))


def data_requirements(knowledge: Knowledge, plan: Plan) -> dict[str, Any]:
    """What a plan reads, as a module-definition Library."""
    plans = [plan, *_gathered(knowledge, plan)]
    expressions: list[Expression] = []
    for each in plans:
        for action in each.walk():
            expressions += [*action.conditions, *(dynamic.expression for dynamic in action.dynamic_values)]
        for activity in knowledge.definitions.activities_of(each):
            expressions += [dynamic.expression for dynamic in activity.dynamic_values]
    for service in knowledge.services.values():
        if service.plan is plan:
            expressions += service.expressions()
    keys = sorted(defines_of(expressions))
    libraries = {
        text.url: text for library, _ in keys for text in closure(knowledge.definitions.content.libraries, library)
    }
    type_coding = {"system": "http://terminology.hl7.org/CodeSystem/library-type", "code": "module-definition"}
    library: dict[str, Any] = {
        "resourceType": "Library",
        "status": "active",
        "type": {"coding": [type_coding]},
        "relatedArtifact": [
            {"type": "depends-on", "resource": f"{text.url}|{text.version}" if text.version else text.url}
            for text in sorted(libraries.values(), key=lambda text: text.url)
        ],
        "dataRequirement": [_requirement(r) for r in (knowledge.compiled.requirements(keys) if keys else ())],
    }
    return {name: value for name, value in library.items() if value != []}


def _gathered(knowledge: Knowledge, plan: Plan) -> list[Plan]:
    found: list[Plan] = []
    waiting = [plan]
    while waiting:
        owner = waiting.pop(0)
        for action in owner.walk():
            nested = knowledge.definitions.plan(action.definition, owner.url) if action.definition else None
            if nested is not None and nested is not plan and nested not in found:
                found.append(nested)
                waiting.append(nested)
    return found


def _requirement(requirement: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"type": requirement.type}
    elements = requirement.elements
    if elements and not isinstance(elements, str) and hasattr(elements, "__iter__"):
        found["mustSupport"] = sorted(str(element) for element in elements)
    if requirement.code_path and (requirement.value_set or requirement.codes):
        code_filter: dict[str, Any] = {"path": requirement.code_path}
        if requirement.value_set:
            code_filter["valueSet"] = requirement.value_set
        if requirement.codes:
            code_filter["code"] = [{"system": system, "code": code} for system, code in requirement.codes]
        found["codeFilter"] = [code_filter]
    if requirement.date_path:
        found["dateFilter"] = [{"path": requirement.date_path}]
    return found


def evaluate_library(knowledge: Knowledge, library: str, resource: Any, as_of: datetime) -> dict[str, Any]:
    """The definitions of a library evaluated for a subject, as FHIR Parameters."""
    parts = _parts(resource)
    inputs = read_apply_inputs(resource)
    wanted = [str(p.get("valueString")) for p in parts if p.get("name") == "expression" and p.get("valueString")]
    facts = facts_for(inputs.data, inputs.subject, as_of)
    logic = logic_for(knowledge, facts, inputs.parameters)
    compiled = knowledge.compiled
    if library not in compiled.libraries:
        raise NotLoaded(f"The library {library} has no compiled definitions.")
    names = [d.name for d in compiled.definitions(library)]
    unknown = [name for name in wanted if name not in names]
    if unknown:
        raise NotLoaded(f'{library} has no definition "{unknown[0]}".')
    found = []
    for name in wanted or names:
        try:
            found += output_parameter(name, logic.run.value(library, name))
        except CdsError as error:
            issue = {"severity": "error", "code": "exception", "diagnostics": str(error)}
            found.append({"name": name, "resource": {"resourceType": "OperationOutcome", "issue": [issue]}})
    return {"resourceType": "Parameters", "parameter": found}


def output_parameter(name: str, value: Any) -> list[dict[str, Any]]:
    """A CQL value as entries of a Parameters resource; nothing is an entry that says so."""
    if value is None:
        absent = {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}
        return [{"name": name, "_valueBoolean": {"extension": [absent]}}]
    if isinstance(value, list | tuple):
        empty = {"url": "http://hl7.org/fhir/StructureDefinition/cqf-isEmptyList", "valueBoolean": True}
        entries = [entry for each in value for entry in output_parameter(name, each)]
        return entries or [{"name": name, "_valueBoolean": {"extension": [empty]}}]
    if isinstance(value, Tuple):
        parts = [entry for element, each in value.items() for entry in output_parameter(element, each)]
        return [{"name": name, "part": parts}] if parts else [{"name": name}]
    rendered = fhir_value(value)
    if isinstance(rendered, Mapping) and "resourceType" in rendered:
        return [{"name": name, "resource": rendered}]
    return [{"name": name, f"value{_value_type(value, rendered)}": rendered}]


def _value_type(value: Any, rendered: Any) -> str:
    match value:
        case bool():
            return "Boolean"
        case int():
            return "Integer"
        case Decimal():
            return "Decimal"
        case Quantity():
            return "Quantity"
        case Code():
            return "CodeableConcept"
        case Concept():
            return "CodeableConcept"
    name = type(value).__name__
    if name in {"Date", "DateTime", "Time"}:
        return name
    if isinstance(value, msgspec.Struct):
        return str(getattr(value, "fhir_type", "String"))
    if isinstance(rendered, Mapping):
        if "numerator" in rendered:
            return "Ratio"
        return (
            "Period" if {"start", "end"} & set(rendered) else "Range" if {"low", "high"} & set(rendered) else "String"
        )
    return "String"


def library_parameters(resource: Mapping[str, Any]) -> dict[str, Any]:
    """CQL parameters from a Parameters resource; a name that occurs more than once is a list."""
    found: dict[str, Any] = {}
    seen: dict[str, int] = {}
    for part in listed(resource.get("parameter")):
        name = str(part.get("name")) if isinstance(part, Mapping) else ""
        try:
            value = _parameter_value(part)
        except (CdsError, ArithmeticError, AttributeError, TypeError, ValueError):
            raise OperationRefused(
                f"The parameter {name!r} cannot be read.", remedy="Send it as FHIR has it."
            ) from None
        seen[name] = seen.get(name, 0) + 1
        if seen[name] == 1:
            found[name] = value
        else:
            found[name] = [*(found[name] if seen[name] > 2 else [found[name]]), value]
    return found


def _parameter_value(part: Mapping[str, Any]) -> Any:
    for name, value in part.items():
        if not name.startswith("value"):
            continue
        match name:
            case "valueDate" | "valueDateTime" | "valueInstant" | "valueTime":
                return parsed_date(str(value))
            case "valueQuantity":
                return make(Decimal(str(value.get("value"))), value.get("code") or value.get("unit"))
            case "valueDecimal":
                return Decimal(str(value))
            case "valueCoding":
                return Code(str(value.get("code")), value.get("system"), value.get("version"), value.get("display"))
            case "valueCodeableConcept":
                codes = tuple(
                    Code(str(c.get("code")), c.get("system"), c.get("version"), c.get("display"))
                    for c in listed(value.get("coding"))
                )
                return Concept(codes, value.get("text"))
        return value
    resource = part.get("resource")
    return Decoder(full()).resource(_ENCODER.encode(resource)) if isinstance(resource, Mapping) else None


def parsed_date(text: str) -> Any:
    """A FHIR date, dateTime or time as a value."""
    if text[2:3] == ":":
        return dates.parse_time(text)
    return dates.parse_datetime(text) if "T" in text else dates.parse_date(text)


def _parts(resource: Any) -> Sequence[Mapping[str, Any]]:
    if not isinstance(resource, Mapping) or resource.get("resourceType") != "Parameters":
        raise OperationRefused("The body is no Parameters resource.", remedy='Send {"resourceType": "Parameters", …}.')
    return [part for part in listed(resource.get("parameter")) if isinstance(part, Mapping)]


def _text(parts: Sequence[Mapping[str, Any]], name: str) -> str | None:
    for part in parts:
        if part.get("name") == name:
            value = next((v for key, v in part.items() if key.startswith("value")), None)
            if isinstance(value, Mapping):
                value = value.get("reference")
            return str(value) if value else None
    return None


def _together(resources: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    if len(resources) == 1:
        return resources[0]
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": each} for each in resources]}
