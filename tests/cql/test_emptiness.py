"""Functions of one list: what they come to for an empty list stands at their beginning, if nothing else decides it."""

from __future__ import annotations

import pytest

from cds_service.cql.compile import CompiledLibraries, Source, compile_libraries
from cds_service.cql.entries import FunctionEntry
from cds_service.cql.evaluation import Evaluation
from cds_service.cql.tree import Local
from cds_service.fhir.model.types import r4
from tests.cql.patients import facts_of

LOGIC = """
library Test version '1.0.0'
using FHIR version '4.0.1'
parameter "Default" Boolean default true
context Patient

define function "Newest"(numbers List<Integer>) returns Integer: Last((numbers N where N > 0 and N < 100) M sort asc)
define function "Any"(numbers List<Integer>) returns Boolean: exists (numbers N where N > 1)
define function "None"(numbers List<Integer>) returns Boolean: not exists (numbers N where N > 1)
define function "Total"(numbers List<Integer>) returns Integer: Coalesce(Sum(numbers N where N > 1), 0)
define function "By default"(numbers List<Integer>) returns Boolean:
  if exists (numbers N where N > 1) then false else "Default"
define function "At birth"(numbers List<Integer>) returns Boolean:
  if exists numbers then false else Patient.birthDate is null
define function "Is null"(numbers List<Integer>) returns Boolean: numbers is null or Count(numbers N where N > 1) > 9
define function "Fails"(numbers List<Integer>) returns Integer: singleton from ({ 1, 2 } union (numbers N where N > 1))
"""
FUNCTIONS = ("Newest", "Any", "None", "Total", "By default", "At birth", "Is null", "Fails")


def libraries_with(uses: str) -> CompiledLibraries:
    return compile_libraries([Source("test.cql", LOGIC + uses)], r4())


def _operand(entry: FunctionEntry) -> str:
    (local,) = (each.name for each in entry.locals if isinstance(each, Local))
    return local


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("Newest", "None"),
        ("Any", "False"),
        ("None", "True"),
        ("Total", None),  # no constant that is written
        ("By default", None),  # a parameter decides
        ("At birth", None),  # the patient decides
        ("Is null", None),  # none is not empty
        ("Fails", None),
    ],
)
@pytest.mark.parametrize("is_traced", [False, True])
def test_what_an_empty_list_comes_to_is_written_first(name: str, begins: str | None, is_traced: bool) -> None:
    uses = "".join(f'define "Use of {each}": "{each}"({{ 1 }})\n' for each in FUNCTIONS)
    libraries = libraries_with(uses)
    functions = libraries.traced_functions if is_traced else libraries.functions
    functions.prepare([libraries.entry("Test", f"Use of {each}") for each in FUNCTIONS])
    entry = next(each for each in functions.module.functions if each.name == name)
    lines = functions.text(f"f{entry.slot}").split("\n")
    guard = [line.strip() for line in lines[2:4]]
    assert (guard == [f"if not {_operand(entry)}:", f"return {begins}"]) is (begins is not None), lines


@pytest.mark.parametrize(
    ("call", "value"),
    [
        ('"Newest"({} as List<Integer>)', None),
        ('"Newest"(null as List<Integer>)', None),
        ('"Newest"({ 3, 5, 4 })', 5),
        ('"Any"({} as List<Integer>)', False),
        ('"Any"({ 1, 2 })', True),
        ('"None"(null as List<Integer>)', True),
        ('"None"({ 2 })', False),
        ('"Total"({} as List<Integer>)', 0),
        ('"By default"({} as List<Integer>)', True),
        ('"At birth"({} as List<Integer>)', False),
        ('"Is null"(null as List<Integer>)', True),
        ('"Is null"({} as List<Integer>)', False),
    ],
)
def test_the_value_is_the_same_with_the_shorter_way(call: str, value: object) -> None:
    libraries = libraries_with(f'define "X": {call}\n')
    assert Evaluation(libraries, facts_of()).value("Test", "X") == value
