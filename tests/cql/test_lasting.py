"""What one evaluation came to is gone with it: nothing about it is kept, or said of the next one."""

from __future__ import annotations

import json

from cds_service.cql.compile import Source, compile_libraries
from cds_service.cql.evaluation import Evaluation
from cds_service.facts.facts import facts_from_bundle
from cds_service.facts.groups import CodeGroups
from cds_service.fhir.model.types import r4
from tests.cql.patients import AS_OF, HEAD, compiled, facts_of, observation


def test_codes_that_evaluation_came_to_are_searched_for_but_not_kept() -> None:
    libraries = compiled("""
        define "Wanted": [Condition] C return FHIRHelpers.ToConcept(C.code).codes[0]
        define "Found": [Observation: code in "Wanted"]
        define "Pain": exists [Observation: "pain"]
    """)
    libraries.prepare_blanks()
    groups = CodeGroups()
    for number in range(40):
        coding = {"system": "http://example.org/local", "code": f"k{number}"}
        resources = [
            {"resourceType": "Patient", "id": "p1"},
            {
                "resourceType": "Condition",
                "id": "c",
                "subject": {"reference": "Patient/p1"},
                "code": {"coding": [coding]},
            },
            *(observation(f"o{each}", f"k{each}", "2025-01-01") for each in range(40)),
        ]
        bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": each} for each in resources]}
        facts = facts_from_bundle(json.dumps(bundle).encode(), as_of=AS_OF, patient_id="p1", groups=groups)
        run = Evaluation(libraries, facts)
        assert [each.id for each in run.value("Test", "Found")] == [f"o{number}"]
        assert run.value("Test", "Pain") is False
    assert groups.version <= 1  # the code of pain alone


def test_what_evaluation_made_is_cited_as_itself() -> None:
    libraries = compiled("""
        parameter "Level" String
        context Patient
        define "Made":
          Observation { id: id { value: 'made-' + "Level" }, status: ObservationStatus { value: 'final' } }
        define "Is final": "Made".status.value = 'final'
    """)
    libraries.prepare_blanks()
    libraries.prepare_evidence([("Test", "Is final")])
    base = Evaluation(libraries, facts_of(), {"Level": "none"})
    base.value("Test", "Is final")
    for number in range(40):
        run = base.with_parameters({"Level": f"L{number}"})
        assert run.value("Test", "Is final") is True
        cited = [each.reference for each in run.grounds("Test", "Is final").resources]
        assert cited == [f"Observation/made-L{number}"]


def test_a_definition_that_nobody_announced_is_written_when_it_is_asked_for() -> None:
    text = HEAD + 'context Patient\ndefine "Asked": 1\ndefine "Weighed": exists [Observation: "weight"]'
    libraries = compile_libraries([Source("test.cql", text)], r4(), roots=[("Test", "Asked")])
    weighed = facts_of(observation("w1", "weight", "2025-01-01"))
    assert Evaluation(libraries, facts_of()).value("Test", "Asked") == 1
    assert Evaluation(libraries, facts_of()).value("Test", "Weighed") is False
    assert Evaluation(libraries, weighed).value("Test", "Weighed") is True


def test_what_is_kept_for_codes_rests_on_nobody() -> None:
    """A tuple that a function of codes gave for one patient is given for the next, without the first one's record."""
    libraries = compiled("""
        define function "Meaning"(concept FHIR.CodeableConcept):
          Tuple { hurts: exists (({ 1, 2, 3 }) N where N > 1 and N < 3) }
        define "Meanings": [Observation] O return "Meaning"(O.code as FHIR.CodeableConcept)
        define "Hurts": exists ("Meanings" M where M.hurts)
        define "Any": ("Meanings" M return M.hurts)
    """)
    libraries.prepare_blanks()
    libraries.prepare_evidence([("Test", "Hurts"), ("Test", "Any")])
    for number in range(3):
        run = Evaluation(libraries, facts_of(observation(f"o{number}", "pain", "2025-01-01")))
        run.value("Test", "Any")
        for name in ("Hurts", "Any"):
            cited = [each.reference for each in run.grounds("Test", name).resources]
            assert cited == [f"Observation/o{number}"]
