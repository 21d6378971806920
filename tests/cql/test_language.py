"""The language beyond single operators: names, functions, queries, conversions, contexts, parameters."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.cql.compile import Source, compile_libraries
from cds_service.cql.evaluation import Evaluation
from cds_service.cql.expressions import evaluate_expression
from cds_service.errors import ErrorGroup, EvaluationError
from cds_service.values.formatting import to_cql
from tests.cql.patients import compiled, evaluation, facts_of, kilograms, observation

WEIGHTS = [
    observation("w1", "weight", "2025-01-10", **kilograms(70)),
    observation("w2", "weight", "2025-06-01T10:00:00Z", **kilograms(64.5)),
    observation("w3", "weight", "2025-03-01", valueString="refused"),
    observation("p1", "pain", "2025-06-10", valueBoolean=True),
]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        # queries
        ("({1, 2, 3}) X where X > 1 return X * 2", "{ 4, 6 }"),
        ("({1, 1, 2}) X return X", "{ 1, 2 }"),
        ("({1, 1, 2}) X return all X", "{ 1, 1, 2 }"),
        ("({1, 2, 3}) X let double: X * 2 where double > 2 return all double", "{ 4, 6 }"),
        ("({1, 2, 3}) X with ({2, 3, 4}) Y such that X = Y", "{ 2, 3 }"),
        ("({1, 2, 3}) X without ({2, 3, 4}) Y such that X = Y", "{ 1 }"),
        ("({3, 1, 2}) X sort desc", "{ 3, 2, 1 }"),
        ("({Tuple{a: 2, b: 1}, Tuple{a: 1, b: 2}}) X return all X.b sort asc", "{ 1, 2 }"),
        ("(({Tuple{a: 2, b: 1}, Tuple{a: 1, b: 2}}) X sort by a desc, b) Y return all Y.a", "{ 2, 1 }"),
        ("from ({1, 2}) A, ({10, 20}) B where A * 10 = B return all A + B", "{ 11, 22 }"),
        ("(null as List<Integer>) X where X > 1", "null"),
        ("(5) X where X > 6", "null"),
        ("({1, 2, 3}) X aggregate Sum starting 0: Sum + X", "6"),
        ("({1, 2, 2}) X aggregate distinct Sum starting 0: Sum + X", "3"),
        ("({1, null, 3}) X return all X is null", "{ false, true, false }"),
        ("exists (({1, 2}) X where X > 5)", "false"),
        ("exists (({1, 2}) X where X > 1)", "true"),
        # methods
        ("({1, 2, 3}).where($this > 1)", "{ 2, 3 }"),
        ("({1, 2, 3}).select($this * $index)", "{ 0, 2, 6 }"),
        ("({1, 2, 3}).exists($this > 2)", "true"),
        ("({1, 2, 3}).all($this > 2)", "false"),
        ("('abc').startsWith('a') and ('abc').contains('b')", "true"),
        ("({1, 2}).first() + ({1, 2}).last()", "3"),
        ("({'a', 'b'}).count()", "2"),
        # branches and choices
        ("case 2 when 1 then 'a' when 2 then 'b' else 'c' end", "'b'"),
        ("if null then 1 else 2", "2"),
        ("(if true then 1 else 'a') is Integer", "true"),
        ("{1, 'a', 2}", "{ 1, 'a', 2 }"),
        ("({1, 'a'}).ofType(String)", "{ 'a' }"),
        ("Coalesce(null, 3, 1 / 0)", "3.0"),
        # conversions
        ("5 + 2L", "7L"),
        ("{1, 2.5}", "{ 1.0, 2.5 }"),
        ("Interval[1, 2.5]", "Interval[1.0, 2.5]"),
        ("@2024-01-01 = @2024-01-01T", "true"),
        ("5 > 4 'mg'", "null"),
        ("convert '5' to Integer", "5"),
        ("convert 1000 'mg' to 'g'", "1 'g'"),
        # timing with a distance
        ("@2024-01-10 3 days before @2024-01-13", "true"),
        ("@2024-01-10 3 days or more before @2024-01-14", "true"),
        ("@2024-01-10 less than 3 days before @2024-01-14", "false"),
        ("@2024-01-10 3 days or less before @2024-01-13", "true"),
        ("@2024-01-10 3 days or less before (null as Date)", "null"),
        ("@2024-01-10 within 3 days of @2024-01-08", "true"),
        ("@2024-01-10 within 3 days of Interval[@2024-01-14, @2024-02-01]", "false"),
        ("Interval[@2024-01-01, @2024-01-05] starts within 1 day of @2024-01-02", "true"),
        ("5 between 1 and 5", "true"),
        ("5 properly between 1 and 5", "false"),
        ("days between @2024-01-01 and @2024-01-31", "30"),
        ("duration in days of Interval[@2024-01-01, @2024-01-31]", "30"),
    ],
)
def test_expressions_have_the_value_that_the_reference_says(expression: str, expected: str) -> None:
    assert to_cql(evaluate_expression(expression).value) == expected


@pytest.mark.parametrize(
    ("expression", "kind"),
    [
        ("1 + 2.0", "Decimal"),
        ("{}", "List<Any>"),
        ("{1, 2L}", "List<Long>"),
        ("{1, 'a'}", "List<Choice<Integer, String>>"),
        ("Interval[@2024, null]", "Interval<Date>"),
        ("Tuple { b: 1, a: 'x' }", "Tuple{a String, b Integer}"),
        ("if true then 1 else 2.0", "Decimal"),
        ("({1, 2}) X return Tuple { x: X }", "List<Tuple{x Integer}>"),
        ("from ({1}) A, ({'x'}) B", "List<Tuple{A Integer, B String}>"),
        ("First({1.5})", "Decimal"),
        ("null", "Any"),
        ("5 'mg' / 2 'mL'", "Quantity"),
    ],
)
def test_types_are_known_before_anything_runs(expression: str, kind: str) -> None:
    assert evaluate_expression(expression).type == kind


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        ("Patient.gender = 'female'", True),
        ("Patient.birthDate < @1960-01-01", True),
        ("AgeInYears()", 75),
        ("Count([Observation])", 4),
        ("Count([Observation: \"weight\"])", 3),
        ("Count([Observation: code in { \"weight\", \"pain\" }])", 4),
        ("([Observation: \"weight\"] O return all O.value as FHIR.Quantity)[0].value", "70.0"),
        ("Max([Observation: \"weight\"] O return all O.value as FHIR.Quantity)", "70 'kg'"),
        ("Last([Observation] O sort by effective).id", "p1"),
        ("year from start of Interval[First([Observation] O sort by effective).effective, null]", 2025),
        ("Last([Observation: \"weight\"] O sort by effective).value as System.Quantity", "64.5 'kg'"),
        ("(Last([Observation: \"weight\"] O sort by effective).value as Quantity) + 1 'kg'", "65.5 'kg'"),
        ("(Last([Observation: \"weight\"] O sort by effective).value as Quantity).value.value", "64.5"),
        ("First([Observation: \"weight\"] O where O.value > 65 'kg').id", "w1"),
        ("First([Observation: \"weight\"] O where O.value > 66000 'g').id", "w1"),
        ("First([Observation: \"weight\"] O where O.value = 'refused').id", "w3"),
        ("First([Observation: \"weight\"] O where O.value is FHIR.string).id", "w3"),
        ("exists ([Observation: \"pain\"] O where O.value = true)", True),
        ("exists ([Observation: \"weight\"] O where O.effective during Interval[Now() - 1 month, Now()])", True),
        ("exists ([Observation] O where O.effective 3 months or less before Now() and O.value is FHIR.string)", False),
        ("[Observation].code.coding.code", "{ 'pain', 'weight', 'weight', 'weight' }"),
        ("[Observation: \"weight\"].value.value", None),
        ("[Observation: \"pain\"].first().code ~ \"pain\"", True),
        ("FHIRHelpers.ToConcept([Observation: \"pain\"].first().code) ~ \"pain\"", True),
        ("[Observation: \"pain\"].first().subject.resolve() is FHIR.Patient", True),
        ("Count(([Observation: \"pain\"] union [Observation: \"weight\"]) union [Observation])", 4),
        ("Count([Observation] except [Observation: \"weight\"])", 1),
        ("Patient.name is null and not exists Patient.name", True),
        ("First(Patient.name.given)", None),
    ],
)  # fmt: skip
def test_fhir_data_are_read_through_their_types(definition: str, expected: Any) -> None:
    value = evaluation(f'define "It": {definition}', WEIGHTS).value("Test", "It")
    if expected is None:
        assert value is None or isinstance(value, list)
    elif isinstance(expected, str):
        assert expected in (value, to_cql(value))
    else:
        assert value == expected


FUNCTIONS = """
define function Twice(value Integer): value * 2
define function Twice(value Quantity): value + value
define fluent function usable(observations List<Observation>): observations O where O.status = 'final'
define fluent function number(observation Observation): (observation.value as FHIR.Quantity).value
define function When(choice Choice<FHIR.dateTime, FHIR.Period, FHIR.instant, FHIR.Timing>):
  case
    when choice is FHIR.dateTime then FHIRHelpers.ToDateTime(choice as FHIR.dateTime)
    when choice is FHIR.Period then start of FHIRHelpers.ToInterval(choice as FHIR.Period)
    else null
  end
define "Integer": Twice(4)
define "Quantity": Twice(4 'mg')
define "Fluent": Count([Observation].usable())
define "Chained": [Observation: "weight"].usable().first().number()
define "Choice": year from When([Observation: "weight"].first().effective)
"""


@pytest.mark.parametrize(
    ("name", "expected"), [("Integer", 8), ("Quantity", "8 'mg'"), ("Fluent", 4), ("Chained", "70.0"), ("Choice", 2025)]
)
def test_functions_are_chosen_by_the_types_of_their_operands(name: str, expected: Any) -> None:
    value = evaluation(FUNCTIONS, WEIGHTS).value("Test", name)
    assert expected in (value, to_cql(value))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("false and \"Fails\"", False),
        ("\"Fails\" and false", False),
        ("\"Fails\" or true", True),
        ("true or \"Fails\"", True),
        ("\"Fails\" implies true", True),
        ("false implies \"Fails\"", True),
        ("(\"Fails\" and false) or true", True),
        ("if true then 1 else singleton from {1, 2}", 1),
        ("Coalesce(1, singleton from {1, 2})", 1),
        ("exists (({1, 2}) X where \"Fails\" and X > 5)", False),
    ],
)  # fmt: skip
def test_an_error_on_a_side_that_does_not_matter_does_not_matter(expression: str, expected: Any) -> None:
    text = f'define "Fails": (singleton from {{1, 2}}) = 1\ndefine "It": {expression}'
    assert evaluation(text).value("Test", "It") == expected


@pytest.mark.parametrize("expression", ['"Fails" and true', 'null or "Fails"', '"Fails"', 'not "Fails"'])
def test_an_error_that_matters_is_raised_each_time_it_is_asked(expression: str) -> None:
    run = evaluation(f'define "Fails": (singleton from {{1, 2}}) = 1\ndefine "It": {expression}')
    for _ in range(2):
        with pytest.raises(EvaluationError):
            run.value("Test", "It")


def test_parameters_have_defaults_and_are_bound_by_name_or_by_library() -> None:
    text = """parameter "Limit" Integer default 3
parameter "Level" String
parameter "Since" Date
context Patient
define "Limit is": "Limit"
define "Level is": "Level"
define "Since is": "Since"
"""
    assert evaluation(text).value("Test", "Limit is") == 3
    assert evaluation(text).value("Test", "Level is") is None
    run = evaluation(text, parameters={"Limit": 5, ("Test", "Level"): "T12", "Since": "2024-02-01"})
    assert [run.value("Test", name) for name in ("Limit is", "Level is")] == [5, "T12"]
    assert to_cql(run.value("Test", "Since is")) == "@2024-02-01"
    with pytest.raises(EvaluationError, match='Parameter "Limit" of library Test is Integer'):
        evaluation(text, parameters={"Limit": "five"})


def test_libraries_find_each_other_by_name_version_and_alias() -> None:
    base = Source("base.cql", 'library org.example.Base version \'1.2.0\'\ndefine "Three": 3\ndefine private "P": 1')
    user = Source(
        "user.cql",
        'library User\ninclude org.example.Base version \'1.2.0\' called B\ndefine "Four": B."Three" + 1',
    )
    assert Evaluation(compile_libraries([user, base]), facts_of()).value("User", "Four") == 4


@pytest.mark.parametrize(
    ("namespace", "include", "expected"),
    [
        ("org.a.", "include Base called B", 1),  # that of its own namespace
        ("org.a.", "include org.b.Base called B", 2),
        ("", "include org.a.Base called B", 1),
        ("org.c.", "include Base called B", 3),  # else that of none
        ("org.c.", "include org.d.Base called B", 3),
        ("org.b.", "include Base version '2.0' called B", 20),
    ],
)
def test_libraries_of_one_name_are_told_apart_by_namespace(namespace: str, include: str, expected: int) -> None:
    bases = [
        Source("a.cql", "library org.a.Base version '1.0'\ndefine \"N\": 1"),
        Source("b.cql", "library org.b.Base version '1.0'\ndefine \"N\": 2"),
        Source("c.cql", "library Base version '1.0'\ndefine \"N\": 3"),
        Source("d.cql", "library org.b.Base version '2.0'\ndefine \"N\": 20"),
    ]
    user = Source("user.cql", f'library {namespace}User\n{include}\ndefine "Mine": B."N"')
    assert Evaluation(compile_libraries([user, *bases]), facts_of()).value("User", "Mine") == expected


def test_each_definition_is_evaluated_once_in_a_run() -> None:
    text = """define "Told": Message(1, true, 'c', 'Message', 'told')
define "Twice": "Told" + "Told"
"""
    run = evaluation(text)
    told: list[Any] = []
    run.run.sink = told.append
    assert run.value("Test", "Twice") == 2
    assert len(told) == 1


def test_only_what_is_reached_from_the_roots_has_to_hold() -> None:
    source = Source("test.cql", 'library Test\ndefine "Good": 1\ndefine "Bad": "Missing" + 1')
    with pytest.raises(ErrorGroup):
        compile_libraries([source])
    assert Evaluation(compile_libraries([source], roots=[("Test", "Good")]), facts_of()).value("Test", "Good") == 1


def test_the_unfiltered_context_sees_definitions_of_patients_as_lists() -> None:
    text = 'context Patient\ndefine "Age": AgeInYears()\ncontext Unfiltered\ndefine "Ages": "Age"\n'
    run = evaluation(text)
    assert run.value("Test", "Ages") == [75]
    assert compiled(text).definition("Test", "Ages").type == "List<Integer>"


@pytest.mark.parametrize(("ids", "expected"), [((), None), (("d1",), "d1"), (("d1", "d2"), None)])
def test_the_practitioner_is_the_only_one_at_hand(ids: tuple[str, ...], expected: str | None) -> None:
    people = [{"resourceType": "Practitioner", "id": each} for each in ids]
    text = 'context Practitioner\ndefine "Who": Practitioner.id\ndefine "All": Count([Practitioner])\n'
    run = evaluation(text, people)
    assert run.value("Test", "Who") == expected
    assert run.value("Test", "All") == len(ids)
    assert compiled(text).reads()["Practitioner"]


IDIOMS = """
parameter "Measurement Period" Interval<DateTime>
context Patient
define function PeriodToInterval(period FHIR.Period):
  if period is null then null else Interval[period."start".value, period."end".value]
define function LookBack(observations List<Observation>, back System.Quantity):
  observations O
    let window: Interval[Now() - back, Now()]
    where (O.effective as FHIR.dateTime).value in window
      or PeriodToInterval(O.effective as FHIR.Period) overlaps window
      or O.issued in window
define function Safe(quantity FHIR.Quantity):
  if quantity is not null then
    System.Quantity { value: quantity.value.value, unit: Coalesce(quantity.code.value, quantity.unit.value) }
  else null
define function Newest(observations List<Observation>):
  Last(observations O sort by Coalesce((effective as FHIR.dateTime).value, effective.start.value, issued.value))
define "Recent": Count(LookBack([Observation: "weight"], 1 month))
define "Highest": Max([Observation: "weight"] O return Safe(cast O.value as Quantity))
define "Newest": Newest([Observation: "weight"]).id
define "In period": Count([Observation] O where O.effective during "Measurement Period")
define "Alive": (Patient.deceased as FHIR.boolean) is not true and Patient.deceased is null
define "Components": flatten ([Observation] O return O.component)
define "Extension": singleton from (Patient.extension E where E.url = 'http://x' return E.value as FHIR.string)
define "Method": Patient.extension.where(url = 'http://x').first().value as Coding
define "Class":
  [Encounter: class in { 'IMP' }] E where E.period starts 2 days or less after start of "Measurement Period"
define "Drugs":
  [MedicationRequest] M
    let dosage: First(M.dosageInstruction)
    return { drug: M.medication as CodeableConcept, dose: (First(dosage.doseAndRate).dose as FHIR.Quantity).value }
define "Answers":
  [QuestionnaireResponse] Q
    return Q.item I where I.linkId = '1' return First(I.answer).value as FHIR.decimal
define "Greeting": 'Dear ' & Coalesce(Patient.name[0].given[0], 'patient')
define "Keyword": [Task] T where T.focus.reference = 'x' and T.for.reference is not null
"""


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Recent", 1),
        ("Highest", "70 'kg'"),
        ("Newest", "w2"),
        ("In period", 2),
        ("Alive", True),
        ("Components", []),
        ("Extension", None),
        ("Method", None),
        ("Class", []),
        ("Drugs", []),
        ("Answers", []),
        ("Greeting", "Dear patient"),
        ("Keyword", []),
    ],
)
def test_the_idioms_of_published_libraries_run(name: str, expected: Any) -> None:
    weights = [resource for resource in WEIGHTS if "valueString" not in resource]
    period = evaluate_expression("Interval[@2025-01-01T, @2025-06-05T]").value
    value = evaluation(IDIOMS, weights, {"Measurement Period": period}).value("Test", name)
    assert value == expected or to_cql(value) == expected


@pytest.mark.parametrize(
    "expression",
    [
        " or ".join(["Today() = @2020-01-01"] * 400) + " or true",
        "case "
        + " ".join(f"when Today() = @1999-01-{1 + n % 28:02} then false" for n in range(200))
        + " else true end",
        "Coalesce(" + ", ".join(["ToBoolean(ToString(Today()))"] * 200) + ", true)",
        "exists ({" + ", ".join(["Today()"] * 1000) + "})",
    ],
)
def test_long_expressions_become_code_that_python_reads(expression: str) -> None:
    assert evaluate_expression(expression).value is True


def test_a_call_with_the_same_operands_is_made_once_for_each_row() -> None:
    text = """define function Half(value Integer): Message(value div 2, true, 'c', 'Message', 'asked')
define "Halves": ({8, 10}) X return all Tuple { a: Half(X), b: Half(X), c: Half(X) + Half(4) }
define "Sum": ({1, 2, 3}) X aggregate Total starting 0: Half(Total) + Half(Total) + X
"""
    run = evaluation(text)
    told: list[Any] = []
    run.run.sink = told.append
    assert [(row["a"], row["b"], row["c"]) for row in run.value("Test", "Halves")] == [(4, 4, 6), (5, 5, 7)]
    assert len(told) == 4
    assert run.value("Test", "Sum") == 5
    assert run.evidence("Test", "Halves").value == run.value("Test", "Halves")


def test_names_and_texts_are_never_read_as_code() -> None:
    text = r"""define "A\nraise SystemExit(1)\n#": 'x\n"""+ r"""' & '\u0000\'\"'
define "It": "A\nraise SystemExit(1)\n#" & Same("A\nraise SystemExit(1)\n#")
define function "Same"("b\n()" String): "b\n()"
"""  # fmt: skip
    run = evaluation(text)
    assert run.value("Test", "It") == "x\n\0'\"" * 2
    assert run.evidence("Test", "It").value == "x\n\0'\"" * 2
