"""Mistakes in an expression: told before anything runs, at their place, with what may have been meant."""

from __future__ import annotations

import pytest

from cds_service.errors import CdsError
from cds_service.fhirpath.engine import compile_fhirpath
from cds_service.fhirpath.environment import Environment
from cds_service.fhirpath.failures import FhirPathEvaluationError, FhirPathSemanticError, FhirPathSyntaxError
from tests.fhirpath.resources import OBSERVATION_STRUCT, PATIENT_STRUCT


@pytest.mark.parametrize(
    ("text", "context", "column", "says"),
    [
        ("name.famly", "Patient", 6, "Did you mean `family`?"),
        ("name.where(us = 'official')", "Patient", 12, "Did you mean `use`?"),
        ("Observation.value", "Patient", 1, "about Patient, not about Observation"),
        ("valueQuantity.unit", "Observation", 1, "`value.ofType(Quantity)`"),
        ("(value as Period).unit", "Observation", 19, "Period has no element `unit`"),
        ("name.exist()", "Patient", 6, "Did you mean `exists`?"),
        ("name.where()", "Patient", 6, "takes 1 argument(s), not 0"),
        ("name.substring(1)", "Patient", 6, "takes a String, not a HumanName"),
        ("birthDate.startsWith('1')", "Patient", 11, "takes a String, not a Date"),
        ("name.first(1)", "Patient", 6, "takes 0 argument(s)"),
        ("gender + 1", "Patient", 1, "does not take String and Integer"),
        ("gender > 1", "Patient", 1, "Convert one of them"),
        ("-gender", "Patient", 1, "does not take a String"),
        ("gender is Cod", "Patient", 1, "There is no type `Cod`"),
        ("ofType(Patiant)", "Patient", 8, "Did you mean `Patient`?"),
        ("%nothing", "Patient", 1, "Known are %context"),
        ("$index", "Patient", 1, "has no value here"),
        ("managingOrganization.resolve().nme", "Patient", 32, "Resource has no element `nme`"),
        ("children().nonsense", "Patient", 12, "No type of FHIR R4 has an element"),
        ("name.take('a')", "Patient", 11, "takes an Integer"),
        ("99999999999", "Patient", 1, "Integer"),
        ("defineVariable('ucum', 1)", "Patient", 16, "defined already"),
        ("name.join(',')", "Patient", 6, "takes texts only"),
    ],
)
def test_a_mistake_of_meaning_is_told_at_its_place(text: str, context: str, column: int, says: str) -> None:
    with pytest.raises(FhirPathSemanticError) as caught:
        compile_fhirpath(text, context, file="plan.json")
    assert says in str(caught.value)
    assert str(caught.value).startswith(f"plan.json:1:{column}: ")


@pytest.mark.parametrize(
    ("text", "column", "says"),
    [
        ("name.", 6, "Expected a name"),
        ("name.where(use = 'a'", 21, "Expected `)`"),
        ("1 +", 4, "Expected an expression"),
        ("'open", 1, "no closing quote"),
        ("@2025-1-1", 1, "not a date or time"),
        ("@T10:00Z", 1, "a time has no zone"),
        ("5mg", 1, "unit into quotes"),
        ("a b", 3, "cannot follow here"),
        ("/* a", 1, "never closed"),
        ("'\\q'", 2, "not an escape"),
        ("name\n  .given..first()", 10, "Expected a name"),
        ("a ? b", 3, "no meaning"),
    ],
)
def test_a_mistake_of_form_is_told_at_its_place(text: str, column: int, says: str) -> None:
    with pytest.raises(FhirPathSyntaxError) as caught:
        compile_fhirpath(text, "Patient")
    assert says in str(caught.value)
    assert caught.value.where is not None
    assert caught.value.where.column == column


@pytest.mark.parametrize(
    "text", ["(" * 3000, "-" * 3000 + "1", "1" + "+1" * 3000, "a" + ".b" * 3000, "iif(true," * 1000, "1" + "|1" * 500]
)
def test_depth_is_an_error_of_its_own(text: str) -> None:
    with pytest.raises(FhirPathSyntaxError):
        compile_fhirpath(text)


def test_conditions_within_conditions_end_in_an_error_of_its_own() -> None:
    with pytest.raises(FhirPathSemanticError, match="nested too deeply"):
        compile_fhirpath("name.where(" * 50 + "true" + ")" * 50)


def test_a_long_path_is_no_problem() -> None:
    text = "extension" + ".extension" * 60 + ".url"
    assert compile_fhirpath(text, "Patient").evaluate(PATIENT_STRUCT) == []
    nested = "select(" * 30 + "name.given" + ")" * 30
    assert compile_fhirpath(f"$this.{nested}", "Patient").evaluate(PATIENT_STRUCT) == ["Jane", "Ann", "Janie"]


@pytest.mark.parametrize(
    "text",
    [
        "name.use.single()",
        "(1 | 2) + 1",
        "name.use & 'a'",
        "(1 | 2).not()",
        "name.iif(true, 1, 2)",
        "name[0 | 1]",
        "name as code",
        "name.as(HumanName)",
    ],
)
def test_several_items_where_one_is_wanted_are_told_while_running(text: str) -> None:
    compiled = compile_fhirpath(text, "Patient")
    with pytest.raises(FhirPathEvaluationError, match="takes one item, and there are 2"):
        compiled.evaluate(PATIENT_STRUCT)


def test_what_only_the_data_shows_is_told_while_running() -> None:
    compiled = compile_fhirpath("component.value.where($this > 1 'cm')", "Observation")
    with pytest.raises(CdsError, match="does not take"):
        compiled.evaluate(OBSERVATION_STRUCT)


def test_another_resource_than_compiled_for_is_told() -> None:
    compiled = compile_fhirpath("name.given", "Patient")
    with pytest.raises(FhirPathEvaluationError, match="about Patient was evaluated on Observation"):
        compiled.evaluate(OBSERVATION_STRUCT)


def test_order_may_be_asked_for_where_there_is_none() -> None:
    compile_fhirpath("children().skip(1)", "Patient")
    with pytest.raises(FhirPathSemanticError, match="depends on an order"):
        compile_fhirpath("children().skip(1)", "Patient", check_order=True)


def test_surroundings_that_are_not_given_are_told() -> None:
    for text in ("now()", "'x'.memberOf('http://example.org')"):
        with pytest.raises(FhirPathEvaluationError):
            compile_fhirpath(text).evaluate(None, Environment())
