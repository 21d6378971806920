"""What is known from the start and what is kept for each code: the values are those of asking everything."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import pytest

from cds_service.cql.compile import CompiledLibraries, Source, compile_libraries
from cds_service.cql.evaluation import Evaluation
from cds_service.cql.explain.evidence import ResourceEvidence
from cds_service.cql.runtime.run import UNSET
from cds_service.fhir.model.types import r4
from cds_service.fhir.structs.decoding import Decoder
from cds_service.fhir.structs.flavours import full
from tests.cql.patients import facts_of, observation

LOCAL = "http://example.org/local"
LOGIC = """
library Test version '1.0.0'
using FHIR version '4.0.1'
codesystem "Local": 'http://example.org/local'
valueset "Pain codes": 'http://example.org/pain'
valueset "Fall codes": 'http://example.org/fall'
parameter "Order" FHIR.ServiceRequest
parameter "Limit" Integer default 3
context Patient

define function "Named by"(concepts List<FHIR.CodeableConcept>) returns List<String>:
  ({ Tuple { name: 'pain', named: exists (concepts C where C in "Pain codes") },
     Tuple { name: 'fall', named: exists (concepts C where C in "Fall codes") } }) T
    where T.named
    return all T.name

define "Pain recorded": exists [Observation: "Pain codes"]
define "Pain":
  if "Pain recorded" then true else if exists ("Order".reasonCode R where R in "Pain codes") then true else null
define "Fell": exists [Observation: "Fall codes"] or exists ("Order".reasonCode R where R in "Fall codes")
define "Said": "Named by"("Order".reasonCode)
define "Recorded": flatten ([Observation] O return all "Named by"({ O.code }))
define "Number of reasons": Count("Order".reasonCode)
define "Several reasons": "Number of reasons" > 1
define "Urgent": "Order".priority = 'urgent'
define "Any order": "Order" is not null
define "Order itself": "Order"
define "Over the limit": Count([Observation: "Pain codes"]) > "Limit"
define "Nothing but the limit": 5 > "Limit"
define "Born": Patient.birthDate
define "Reason text": First("Order".reasonCode).text

define function "Names of"(observation FHIR.Observation) returns List<String>: "Named by"({ observation.code })
define function "Any pain"(observations List<FHIR.Observation>) returns Boolean:
  if exists (observations O where 'pain' in "Names of"(O)) then true else null
define "Rows": [Observation] O where exists "Names of"(O) return all Tuple { from: O, names: "Names of"(O) }
define "Names": flatten ("Rows" R where Count(R.names) > 0 return all R.names)
define "Pain rows": "Rows" R where First(R.names) = 'pain' return all Tuple { row: R, status: R.from.status }
define "Pains first": ("Pain rows") T sort by status
define "First name": First(First("Pains first").row.names)
define "Some pain": "Any pain"([Observation: "Pain codes"])
define "Both": "Some pain" and "Fell" and Count("Rows") > 1
define "Either": "Over the limit" or "Both" or "Fell"
"""


class _Codes:
    def __init__(self, *codes: str) -> None:
        self._codes = codes

    def contains(self, system: str | None, code: str) -> bool:
        return system == LOCAL and code in self._codes


class _Terminology:
    def membership(self, url: str, version: str | None = None) -> _Codes:
        assert version is None
        return _Codes("pain", "ache") if url.endswith("pain") else _Codes("fall")


@cache
def both() -> tuple[CompiledLibraries, CompiledLibraries]:
    """The same logic, once with what is known from the start and notes from the start, and once without."""
    sources = [Source("test.cql", LOGIC)]
    quick, plain = (compile_libraries(sources, r4(), _Terminology()) for _ in range(2))
    asked_why = [("Test", definition.name) for definition in quick.definitions("Test")]
    quick.prepare_blanks(asked_why)
    quick.prepare_evidence(asked_why)
    return quick, plain


def order(*reasons: tuple[str, ...], **rest: Any) -> Any:
    """A draft order with these reasons, each with its codes."""
    coded = [{"coding": [{"system": LOCAL, "code": code} for code in codes], "text": "so"} for codes in reasons]
    written = {"resourceType": "ServiceRequest", "id": "o", "status": "draft", "intent": "order", **rest}
    if coded:
        written["reasonCode"] = coded
    written["subject"] = {"reference": "Patient/p1"}
    return Decoder(full()).resource(json.dumps(written).encode())


RECORDS: tuple[tuple[str, ...], ...] = ((), ("other",), ("pain",), ("fall", "ache"), ("pain", "pain", "pain", "ache"))
ORDERS: tuple[tuple[tuple[str, ...], ...] | None, ...] = (
    None, (), (("other",),), (("pain",),), (("other", "fall"),), (("pain",), ("fall",)),
    (("other",), ("other",)), ((),),
)  # fmt: skip


def situations() -> Iterator[tuple[list[dict[str, Any]], dict[str, Any]]]:
    for codes, reasons, limit in itertools.product(RECORDS, ORDERS, (None, 3, 10)):
        record = [observation(f"o{number}", code, "2025-06-01") for number, code in enumerate(codes)]
        parameters: dict[str, Any] = {} if limit is None else {"Limit": limit}
        if reasons is not None:
            parameters["Order"] = order(*reasons, **({"priority": "urgent"} if len(reasons) == 1 else {}))
        yield record, parameters


def test_values_are_those_of_asking_everything() -> None:
    quick, plain = both()
    for record, parameters in situations():
        facts = facts_of(*record)
        one, other = (Evaluation(each, facts, parameters) for each in (quick, plain))
        for definition in plain.definitions("Test"):
            assert one.value("Test", definition.name) == other.value("Test", definition.name), (
                definition.name,
                record,
                parameters,
            )


def test_a_later_parameter_makes_no_difference_to_the_values() -> None:
    """An order that is bound afterwards, as for each draft of a call."""
    quick, plain = both()
    for record, parameters in situations():
        facts = facts_of(*record)
        one, other = (Evaluation(each, facts).with_parameters(parameters) for each in (quick, plain))
        for definition in plain.definitions("Test"):
            assert one.value("Test", definition.name) == other.value("Test", definition.name), definition.name


def test_what_was_asked_before_a_parameter_makes_no_difference_to_the_values() -> None:
    quick, plain = both()
    names = [definition.name for definition in plain.definitions("Test")]
    for record, parameters in situations():
        facts = facts_of(*record)
        other = Evaluation(plain, facts, parameters)
        for number, name in enumerate(names):
            former = Evaluation(quick, facts)
            before = former.value("Test", name)
            one = former.followed_by(parameters)
            for each in names[number:] + names[:number]:
                assert one.value("Test", each) == other.value("Test", each), (name, each)
            assert former.value("Test", name) == before


def test_grounds_are_the_resources_of_the_evidence() -> None:
    quick, plain = both()
    for record, parameters in situations():
        facts = facts_of(*record)
        other = Evaluation(plain, facts).with_parameters(parameters)
        for one in (
            Evaluation(quick, facts).with_parameters(parameters),
            Evaluation(quick, facts).followed_by(parameters),
        ):
            for definition in plain.definitions("Test"):
                grounds, evidence = one.grounds("Test", definition.name), other.evidence("Test", definition.name)
                assert grounds.value == evidence.value
                assert told(grounds.resources) == told(evidence.resources), definition.name


def told(resources: Iterable[ResourceEvidence]) -> set[tuple[str, str | None]]:
    """The resources; grounds tell the elements only of those that parameters hold."""
    return {
        (each.reference, each.element if each.reference.startswith("ServiceRequest/") else None) for each in resources
    }


@pytest.mark.parametrize(
    ("name", "parameters", "is_known"),
    [
        ("Pain recorded", {}, True),
        ("Pain", {"Order": (("other",),)}, True),
        ("Pain", {"Order": (("ache",),)}, False),
        ("Pain", {"Order": (("other",), ("other",))}, False),  # of several reasons nothing is known from the start
        ("Fell", {"Order": (("ache",),)}, True),
        ("Nothing but the limit", {"Limit": 3}, True),
        ("Nothing but the limit", {"Limit": 4}, False),
        ("Born", {}, False),
        ("Any order", {"Order": ()}, False),
        ("Reason text", {"Order": (("other",),)}, False),
    ],
)
def test_only_what_has_data_is_asked(name: str, parameters: dict[str, Any], is_known: bool) -> None:
    quick, _ = both()
    bound = {key: order(*value) if key == "Order" else value for key, value in parameters.items()}
    run = Evaluation(quick, facts_of(observation("o", "other", "2025-06-01")), bound)
    assert (run.run.memory[quick.handle("Test", name).slot] is not UNSET) is is_known


def test_what_codes_mean_is_worked_out_once() -> None:
    """Two concepts with the same codes in one order, whatever else they say."""
    quick, _ = both()
    facts = facts_of()
    first, second = (Evaluation(quick, facts, {"Order": order(("pain",), ("fall",))}) for _ in range(2))
    assert first.value("Test", "Said") == ["pain", "fall"]
    assert second.raw("Test", "Said") is first.raw("Test", "Said")


def test_one_definition_settles_a_chain_whose_grounds_nobody_asks_for() -> None:
    text = (
        LOGIC
        + """
define "Fallen": exists [Observation: "Fall codes"]
define "Hurts": if "Pain recorded" then true else null
define "Fell in pain": "Hurts" and "Fallen"
"""
    )
    explained, quick = (compile_libraries([Source("test.cql", text)], r4(), _Terminology()) for _ in range(2))
    explained.prepare_blanks([("Test", "Fell in pain")])
    quick.prepare_blanks()
    hurting = facts_of(observation("p1", "pain", "2025-01-01"))
    known = []
    for libraries in (explained, quick):
        run = Evaluation(libraries, hurting)
        known.append(run.run.memory[libraries.entry("Test", "Fell in pain").slot])
        assert run.value("Test", "Fell in pain") is False
    assert known == [UNSET, False]
