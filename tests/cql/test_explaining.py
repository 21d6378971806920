"""What a value rests on, what is missing for it, which data it reads, and what runs share."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.cql.evaluation import Evaluation
from cds_service.fhir.structs.decoding import Decoder
from cds_service.fhir.structs.flavours import ALL, _All, lean
from tests.cql.patients import AS_OF, compiled, evaluation, facts_of, kilograms, observation

WEIGHTS = [
    observation("w1", "weight", "2025-01-10", **kilograms(70)),
    observation("w2", "weight", "2025-06-01", **kilograms(64.5)),
    observation("draft", "weight", "2025-06-02", **{**kilograms(1), "status": "cancelled"}),
    observation("pain1", "pain", "2025-06-10", valueBoolean=True),
]
LOGIC = """
define "Weights": [Observation: "weight"] O where O.status = 'final'
define "Latest weight": Last("Weights" O sort by (effective as FHIR.dateTime))
define "Weight": "Latest weight".value as Quantity
define "Dated weights":
  ("Weights" O return all Tuple { weight: O.value as FHIR.Quantity, at: O.effective as FHIR.dateTime }) W sort by at
define "First weight": First("Dated weights").weight.value
define "In pain": exists ([Observation: "pain"] O where O.value = true)
define "Light and in pain": "Weight" < 65 'kg' and "In pain"
define "Heavy or in pain": "In pain" or "Weight" > 65 'kg'
define "With a partner":
  exists ([Observation: "pain"] P with [Observation: "weight"] W such that W.status = 'final' and W.value > 65 'kg')
define "Number of weights": Count("Weights")
"""


@pytest.mark.parametrize(
    ("name", "references"),
    [
        ("Weight", {"Observation/w2"}),
        ("First weight", {"Observation/w1"}),  # the others were only sorted
        ("In pain", {"Observation/pain1"}),
        ("Light and in pain", {"Observation/w2", "Observation/pain1"}),
        ("Heavy or in pain", {"Observation/pain1"}),  # the right side was not asked
        ("With a partner", {"Observation/pain1", "Observation/w1"}),
        ("Number of weights", {"Observation/w1", "Observation/w2"}),
        ("Weights", {"Observation/w1", "Observation/w2"}),
    ],
)
def test_evidence_names_what_made_the_value_and_nothing_else(name: str, references: set[str]) -> None:
    found = evaluation(LOGIC, WEIGHTS).evidence("Test", name)
    assert {resource.reference for resource in found.resources} == references


def test_evidence_has_elements_dates_definitions_and_searches() -> None:
    found = evaluation(LOGIC, WEIGHTS).evidence("Test", "Light and in pain")
    assert found.value is True
    by_reference = {resource.reference: resource for resource in found.resources}
    assert by_reference["Observation/w2"].element == "value"
    assert by_reference["Observation/w2"].effective.day == 1
    assert {name for _, name, _ in found.definitions} == {"Weight", "Latest weight", "Weights", "In pain"}
    assert [(search.type, search.code_path, search.found) for search in found.searches] == [
        ("Observation", "code", 3),
        ("Observation", "code", 1),
    ]


def test_evidence_tells_the_same_value_as_the_plain_run() -> None:
    run = evaluation(LOGIC, WEIGHTS)
    for definition in run.compiled.definitions("Test"):
        assert run.evidence("Test", definition.name).value == run.value("Test", definition.name), definition.name


FACTS = """parameter "Level" String
context Patient
// @fact a
define "A": "Unknown A"
define "Unknown A": null as Boolean
// @fact b
define "B": null as Boolean
// @fact t
define "True fact": true
// @fact n the T-score
define "T-score": null as Decimal
define "Derived": "A" and "True fact"
"""


@pytest.mark.parametrize(
    ("expression", "needed"),
    [
        ('"A" and "B"', ["A", "B"]),
        ('"A" and false', []),
        ('"A" or true', []),
        ('false implies "A"', []),
        ('"True fact" and "B"', ["B"]),
        ('not "Derived"', ["A"]),
        ('"A" xor "True fact"', ["A"]),
        ('"T-score" <= -2.5', ["T-score"]),
        ('"T-score" <= -2.5 or "B"', ["T-score", "B"]),
        ('if "A" then "B" else null as Boolean', ["A"]),
        ('if "True fact" then "B" else "A"', ["B"]),
        ('Coalesce("A", "B")', ["A", "B"]),
        ('Coalesce("A", "True fact")', []),
        ('"T-score" between -5 and -2.5', ["T-score"]),
        ('IsLow("T-score")', ["T-score"]),
        ('("A" and "B") or ("A" and not "B")', ["A", "B"]),
        ('("A" and "B") or "A"', ["A"]),  # once A is known, B does not matter
        ('"A" is true', []),
        ('Min({"T-score", null as Decimal}) < 3', ["T-score"]),
        ("null as Boolean", []),
    ],
)
def test_needs_are_the_unknown_facts_that_still_matter(expression: str, needed: list[str]) -> None:
    run = evaluation(
        f'{FACTS}define function IsLow(score Decimal): score < -2.5 and score > -9.0\ndefine "It": {expression}'
    )
    assert [need.define for need in run.needs("Test", "It")] == needed


def test_a_need_carries_its_tags_and_what_would_be_if_it_were_known() -> None:
    run = evaluation(f'{FACTS}define "It": "T-score" <= -2.5 and "True fact"')
    (need,) = run.needs("Test", "It")
    assert (need.tags, need.type) == ({"fact": "n the T-score"}, "Decimal")
    assert run.what_if("Test", "It", {("Test", "T-score"): -3}) is True
    assert run.what_if("Test", "It", {("Test", "T-score"): 0}) is False


NAMES = ["P", "Q", "R"]
formulas = st.recursive(
    st.sampled_from([f'"{name}"' for name in NAMES]),
    lambda inner: st.one_of(
        st.builds(lambda a, b, o: f"({a} {o} {b})", inner, inner, st.sampled_from(["and", "or", "xor", "implies"])),
        st.builds(lambda a: f"(not {a})", inner),
    ),
    max_leaves=5,
)


@given(formulas, st.lists(st.sampled_from([True, False, None]), min_size=3, max_size=3))
def test_needs_settle_the_value_and_none_of_them_is_idle(formula: str, known: list[bool | None]) -> None:
    text = "".join(
        f'// @fact {name}\ndefine "{name}": {"null as Boolean" if value is None else str(value).lower()}\n'
        for name, value in zip(NAMES, known, strict=True)
    )
    run = evaluation(f'{text}define "It": {formula}')
    needs = [("Test", need.define) for need in run.needs("Test", "It")]
    if run.value("Test", "It") is not None:
        assert needs == []
        return
    results = {
        values: run.what_if("Test", "It", dict(zip(needs, values, strict=True)))
        for values in itertools.product((True, False), repeat=len(needs))
    }
    assert needs
    assert None not in results.values()
    for left_out in needs:
        others = [need for need in needs if need != left_out]
        assert any(
            run.what_if("Test", "It", dict(zip(others, values, strict=True))) is None
            for values in itertools.product((True, False), repeat=len(others))
        )


def test_runs_with_other_parameters_share_what_does_not_depend_on_them() -> None:
    text = """parameter "Level" String
context Patient
define "Shared": Message(1, true, 'c', 'Message', 'shared')
define "Own": Message("Level", true, 'c', 'Message', 'own')
define "Both": "Own" + ToString("Shared")
"""
    run = evaluation(text)
    told: list[Any] = []
    run.run.sink = told.append
    levels = [run.with_parameters({"Level": level}) for level in ("T11", "T12")]
    assert [level.value("Test", "Both") for level in levels] == ["T111", "T121"]
    assert [message.text for message in told].count("shared") == 1
    assert [message.text for message in told].count("own") == 2


def test_assumptions_change_what_depends_on_them_and_nothing_else() -> None:
    run = evaluation(f'{FACTS}define "It": "Derived" or "B"')
    assert run.assume({("Test", "A"): True}).value("Test", "It") is True
    assert run.assume({("Test", "A"): False}).needs("Test", "It")[0].define == "B"
    assert run.assume({("Test", "A"): True}).with_parameters({"Level": "L1"}).value("Test", "It") is True
    assert run.value("Test", "It") is None


REQUIRING = """
define "Recent": [Observation: "pain"] O where O.effective after @2025-01-01 and O.status = 'final'
define "Codes": [Observation: code in { "pain", "weight" }] O return O.value as FHIR.Quantity
define "Names": Patient.name.family
define "Drugs": [MedicationRequest: medication in { "pain" }]
define "Handed out": First(Patient.name)
define "Extended": Patient.birthDate.extension.url
"""


def test_requirements_are_the_retrieves_with_what_the_text_says_of_them() -> None:
    logic = compiled(REQUIRING)
    (recent,) = logic.requirements([("Test", "Recent")])
    assert (recent.type, recent.code_path, recent.codes) == (
        "Observation",
        "code",
        (("http://example.org/local", "pain"),),
    )
    assert (recent.date_path, recent.date_low.year, recent.date_high) == ("effective", 2025, None)
    assert "status" in recent.elements
    assert [requirement.type for requirement in logic.requirements([("Test", "Names")])] == ["Patient"]


def test_reads_are_the_elements_that_a_lean_decoder_has_to_keep() -> None:
    logic = compiled(REQUIRING)
    reads = {name: sorted(elements) for name, elements in logic.reads().items() if not isinstance(elements, _All)}
    assert {"name", "_birthDate"} <= set(reads["Patient"])
    assert {"code", "status", "value", "effective"} <= set(reads["Observation"])
    assert "family" in reads["HumanName"]
    assert "given" not in reads["HumanName"]
    assert reads["Medication"] == ["code"]
    assert logic.reads([("Test", "Handed out")])["HumanName"] is ALL


def test_logic_has_the_same_values_over_lean_structures() -> None:
    logic = compiled(LOGIC)
    full = Evaluation(logic, facts_of(*WEIGHTS))
    decoder = Decoder(lean(logic.reads()))
    for definition in logic.definitions("Test"):
        if "FHIR" in definition.type:
            continue
        sparse = Evaluation(logic, facts_of(*WEIGHTS, decoder=decoder))
        assert sparse.value("Test", definition.name) == full.value("Test", definition.name)
        references = [r.reference for r in sparse.evidence("Test", definition.name).resources]
        assert references == [r.reference for r in full.evidence("Test", definition.name).resources]
    assert AS_OF.year == 2025
