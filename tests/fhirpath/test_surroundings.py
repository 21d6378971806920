"""What expressions see beside their focus, and what they say about themselves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_service.errors import CdsError
from cds_service.fhir.structs.decoding import Decoder
from cds_service.fhir.structs.flavours import ALL, lean
from cds_service.fhirpath.engine import compile_fhirpath, variables_of
from cds_service.fhirpath.environment import Environment
from cds_service.fhirpath.failures import FhirPathEvaluationError
from cds_service.values.codes import Code
from cds_service.values.dates import now_from
from cds_service.values.interval import Interval
from cds_service.values.quantity import Quantity
from cds_service.values.tuples import Tuple
from tests.fhirpath.resources import OBSERVATION, OBSERVATION_STRUCT, PATIENT, PATIENT_STRUCT, read

NOW = now_from(datetime(2025, 6, 15, 9, 0, tzinfo=UTC))


class Members:
    def contains(self, system: str | None, code: str) -> bool:
        return (system, code) == ("http://example.org/s", "M")


class Terms:
    def membership(self, url: str) -> Members:
        assert url == "http://example.org/vs"
        return Members()

    def subsumes(self, system: str, code_a: str, code_b: str) -> str | None:
        return {("A", "B"): "subsumes", ("B", "A"): "subsumed-by"}.get((code_a, code_b))


def test_variables_carry_results_of_other_logic() -> None:
    compiled = compile_fhirpath(
        "%dose > 3 'mg' and %names.count() = 2 and %nothing.empty() and %who.name.family = 'Roe'",
        variables={"dose": "System.Quantity", "names": "System.String", "nothing": None, "who": "Patient"},
    )
    values = {"dose": Quantity(Decimal(5), "mg"), "names": ["a", "b"], "nothing": None, "who": PATIENT_STRUCT}
    assert compiled.truth(None, Environment(variables=values)) is True
    with pytest.raises(FhirPathEvaluationError, match="No value was given for %"):
        compiled.truth(None, Environment())


def test_values_of_other_logic_have_their_elements() -> None:
    variables = {
        "t": Tuple({"last value": 5, "when": ["a", "b"], "none": None}),
        "c": Code("x", system="http://example.org/s"),
        "i": Interval(1, 5, point_type="Integer"),
    }
    environment = Environment(variables=variables)
    open_types = dict.fromkeys(variables)
    for text, expected in (
        ("%t.`last value` + 1", [6]),
        ("%t.when.count()", [2]),
        ("%t.none.empty()", [True]),
        ("%c.system & '|' & %c.code", ["http://example.org/s|x"]),
        ("%i.low = 1 and %i.lowClosed", [True]),
    ):
        assert compile_fhirpath(text, variables=open_types).evaluate(None, environment) == expected, text
    with pytest.raises(FhirPathEvaluationError, match="no element 'lst'"):
        compile_fhirpath("%t.lst", variables=open_types).evaluate(None, environment)


def test_the_names_that_an_expression_expects_are_known() -> None:
    assert variables_of("%a + %`b c` + %ucum + %resource.id + defineVariable('d').select(%d) + %`vs-x`") == {"a", "b c"}


def test_the_resource_around_the_focus_is_at_hand() -> None:
    name = PATIENT_STRUCT.name[0]
    compiled = compile_fhirpath(
        "%resource.birthDate.toString() & family & %context.use", "HumanName", resource_type="Patient"
    )
    assert compiled.evaluate(name, Environment(resource=PATIENT_STRUCT)) == ["1950-03-01Roeofficial"]


def test_the_moment_of_evaluation_comes_from_outside() -> None:
    compiled = compile_fhirpath("today() - 75 years >= birthDate and now() > @2025-06-15T08:59:59Z", "Patient")
    assert compiled.truth(PATIENT_STRUCT, Environment(now=NOW)) is True


def test_references_lead_to_contained_resources_and_to_those_at_hand() -> None:
    doctor = read({"resourceType": "Practitioner", "id": "d1", "name": [{"family": "Poe"}]})

    def resolve(reference: str, container: Any) -> Any:
        assert container is PATIENT_STRUCT
        return doctor if reference == "Practitioner/d1" else None

    environment = Environment(resolve=resolve)
    for text, expected in (
        ("managingOrganization.resolve().name", ["Clinic"]),
        ("generalPractitioner.resolve().ofType(Practitioner).name.family", ["Poe"]),
        ("generalPractitioner.resolve().name.family", ["Poe"]),
        ("'Practitioner/d1'.resolve() is Practitioner", [True]),
        ("'Practitioner/d2'.resolve()", []),
    ):
        assert compile_fhirpath(text, "Patient").evaluate(PATIENT_STRUCT, environment) == expected, text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("maritalStatus.memberOf('http://example.org/vs')", [True]),
        ("maritalStatus.coding[1].memberOf('http://example.org/vs')", [False]),
        ("maritalStatus.subsumes(maritalStatus.coding[0])", [True]),
        ("maritalStatus.coding[0].subsumedBy(maritalStatus.coding[1])", [False]),
    ],
)
def test_terminology_is_asked(text: str, expected: list[Any]) -> None:
    assert compile_fhirpath(text, "Patient").evaluate(PATIENT_STRUCT, Environment(terminology=Terms())) == expected


def test_traces_are_given_out_and_change_nothing() -> None:
    seen: list[tuple[str, Sequence[Any]]] = []
    environment = Environment(trace=lambda name, items: seen.append((name, list(items))))
    compiled = compile_fhirpath("name.trace('names', use).given.trace('given').first()", "Patient")
    assert compiled.evaluate(PATIENT_STRUCT, environment) == ["Jane"]
    assert compiled.evaluate(PATIENT_STRUCT) == ["Jane"]
    assert seen[0] == ("names", ["official", "nickname"])
    assert seen[1][0] == "given"


def test_results_come_as_json_has_them_or_with_their_types() -> None:
    compiled = compile_fhirpath("birthDate | gender | active | name.count()", "Patient")
    assert compiled.evaluate(PATIENT_STRUCT) == ["1950-03-01", "female", True, 2]
    assert compiled.typed(PATIENT_STRUCT) == [
        ("date", "1950-03-01"),
        ("code", "female"),
        ("boolean", True),
        ("System.Integer", 2),
    ]


def test_a_primitive_without_a_value_counts_as_an_item() -> None:
    for text, expected in (
        ("name.given.count()", [4]),
        ("name.given", ["Jane", "Ann", "Janie"]),
        ("name.given.select(hasValue())", [True, True, True, False]),
        ("name.given.last().extension.url", ["u"]),
        ("name.given.last().id", ["g"]),
        ("name.given.last().upper()", []),
        ("name[1].given.last().exists()", [True]),
        ("birthDate.extension('http://example.org/time').value.ofType(dateTime)", ["1950-03-01T05:00:00Z"]),
        ("birthDate.getValue() is System.Date", [True]),
    ):
        assert compile_fhirpath(text, "Patient").evaluate(PATIENT_STRUCT) == expected, text


def test_a_quantity_with_a_comparator_has_no_value_to_compare() -> None:
    compiled = compile_fhirpath("component.where(code.text = 'limit').value.ofType(Quantity) < 10 'mg'", "Observation")
    assert compiled.evaluate(OBSERVATION_STRUCT) == []


def test_what_settles_a_condition_early_keeps_the_rest_from_being_evaluated() -> None:
    for text in (
        "false and name.use.single() = 'a'",
        "true or name.use.single() = 'a'",
        "false implies name.use.single() = 'a'",
        "iif(true, 1, name.use.single())",
        "coalesce(1, name.use.single())",
    ):
        assert len(compile_fhirpath(text, "Patient").evaluate(PATIENT_STRUCT)) == 1, text


@pytest.mark.parametrize(
    ("text", "context", "expected"),
    [
        (
            "name.where(use = 'official').family",
            "Patient",
            {"Patient": {"name"}, "HumanName": {"use", "family", "_family"}},
        ),
        ("birthDate < today()", "Patient", {"Patient": {"birthDate"}}),
        ("value.ofType(Quantity) > 1 'mg'", "Observation", {"Observation": {"value"}, "Quantity": ALL}),
        ("name.exists()", "Patient", {"Patient": {"name"}}),
    ],
)
def test_an_expression_tells_what_it_reads(text: str, context: str, expected: dict[str, Any]) -> None:
    reads = compile_fhirpath(text, context).reads()
    assert reads is not ALL
    assert {name: elements if elements is ALL else set(elements) for name, elements in reads.items()}.items() >= {
        name: elements for name, elements in expected.items() if elements is not ALL
    }.items()


def test_what_cannot_be_foreseen_reads_everything() -> None:
    for text in ("descendants()", "children().count()"):
        assert compile_fhirpath(text, "Patient").reads() is ALL


@pytest.mark.parametrize(
    ("text", "resource"),
    [
        ("name.where(use = 'official').given.first()", PATIENT),
        ("name", PATIENT),
        ("birthDate.extension('http://example.org/time').value", PATIENT),
        ("managingOrganization.resolve().name", PATIENT),
        ("name.given.select(hasValue())", PATIENT),
        ("value > -3 '{T-score}'", OBSERVATION),
        ("component.value", OBSERVATION),
        ("component.value.ofType(string)", OBSERVATION),
        ("code ~ code", OBSERVATION),
        ("effective.ofType(dateTime) > @2025", OBSERVATION),
    ],
)
def test_resources_read_with_only_those_elements_give_the_same(text: str, resource: dict[str, Any]) -> None:
    compiled = compile_fhirpath(text, str(resource["resourceType"]))
    reads = compiled.reads()
    assert reads is not ALL
    slim = Decoder(lean(reads)).resource(msgspec.json.encode(resource))
    assert _plain(compiled.evaluate(slim)) == _plain(compiled.evaluate(read(resource)))


STEPS = st.sampled_from(
    [
        *("name", "given", "family", "use", "birthDate", "gender", "active", "extension", "value", "code", "coding"),
        *("maritalStatus", "managingOrganization", "generalPractitioner", "resolve()", "reference", "contact", "url"),
        *("first()", "last()", "count()", "exists()", "distinct()", "hasValue()", "toString()", "type().name"),
        *("where($this.exists())", "where(use = 'official')", "ofType(string)", "is(string)", "extension('u')"),
        *("combine(name)", "repeat(extension)", "select(use | given)", "aggregate($total | $this)", "sort()"),
    ]
)


@given(st.lists(STEPS, min_size=1, max_size=5).map(".".join))
@settings(max_examples=150, deadline=None)
def test_any_path_gives_the_same_from_only_those_elements(text: str) -> None:
    try:
        compiled = compile_fhirpath(text, "Patient")
        expected = _plain(compiled.evaluate(PATIENT_STRUCT))
    except CdsError:
        return
    reads = compiled.reads()
    if reads is not ALL:
        slim = Decoder(lean(reads)).resource(msgspec.json.encode(PATIENT))
        assert _plain(compiled.evaluate(slim)) == expected


def _plain(values: list[Any]) -> list[Any]:
    """Values in a form that does not depend on which elements a struct has."""
    return [msgspec.to_builtins(value) if isinstance(value, msgspec.Struct) else value for value in values]
