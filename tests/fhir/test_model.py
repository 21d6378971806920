"""The model against the official model information, where that is at hand, and by itself."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from cds_service.fhir.model import build
from cds_service.fhir.model.types import Element, Model, UnknownFhirType, r4
from tests.fhir.modelinfo import OfficialType, conformance_folder, official_types

# The official file gives profiles of Quantity as types of elements; on the wire and in paths they are Quantity.
PROFILES = {"SimpleQuantity": "Quantity", "MoneyQuantity": "Quantity"}


@pytest.fixture(scope="module")
def official() -> dict[str, OfficialType]:
    folder = conformance_folder()
    file = folder / "cql" / "lib" / "fhir-modelinfo-4.0.1.xml" if folder else None
    if file is None or not file.exists():
        pytest.skip("The official model information is not at hand.")
    return official_types(file)


def enumerations(official: dict[str, OfficialType]) -> set[str]:
    return {
        name
        for name, entry in official.items()
        if entry.base == "Element" and name[0].isupper() and set(entry.elements) == {"value"}
    }


def test_it_has_the_types_of_the_official_model(official: dict[str, OfficialType]) -> None:
    assert set(r4().names) == set(official) - enumerations(official)


def test_every_element_has_the_official_types_and_cardinality(official: dict[str, OfficialType]) -> None:
    codes = enumerations(official)
    wrong = []
    for name in r4().names:
        own = {element.name: element for element in r4().type(name).own}
        theirs = official[name].elements
        if set(own) != set(theirs):
            wrong.append((name, sorted(set(own) ^ set(theirs))))
            continue
        for element in own.values():
            if element.binding is not None and theirs[element.name].types != {element.binding}:
                wrong.append((f"{name}.{element.name}", [element.binding]))
            types = {PROFILES.get(each, "code" if each in codes else each) for each in theirs[element.name].types}
            if name == "Element" and element.name == "id":
                types = {"string"}
            if (set(element.types), element.is_list) != (types, theirs[element.name].is_list):
                wrong.append((f"{name}.{element.name}", sorted(set(element.types) ^ types)))
    assert wrong == []


def test_bases_and_code_paths_are_the_official_ones(official: dict[str, OfficialType]) -> None:
    for name in r4().names:
        info = r4().type(name)
        assert info.primary_code_path == official[name].code_path, name
        assert (info.base or "System.Any") == official[name].base, name


def test_named_enumerations_are_official_ones(official: dict[str, OfficialType]) -> None:
    assert r4().enumerations <= enumerations(official)
    for element in every_element(r4()):
        if element.binding is not None:
            assert element.binding in r4().enumerations


def test_the_data_file_is_what_the_script_writes() -> None:
    assert build.main(["--check"]) == 0


def every_element(model: Model) -> Iterator[Element]:
    for name in model.names:
        yield from model.type(name).own


def test_every_type_that_an_element_names_exists() -> None:
    model = r4()
    for element in every_element(model):
        for name in (*element.types, *element.targets):
            assert name.startswith("System.") or model.get(name) is not None, (element.name, name)


@pytest.mark.parametrize(
    ("type_name", "element", "types", "is_list", "required"),
    [
        ("Patient", "birthDate", ("date",), False, False),
        ("Patient", "name", ("HumanName",), True, False),
        ("Condition", "subject", ("Reference",), False, True),
        ("Encounter", "class", ("Coding",), False, True),
        ("Questionnaire.Item", "item", ("Questionnaire.Item",), True, False),
        ("Bundle.Entry", "resource", ("Resource",), False, False),
        ("Dosage", "extension", ("Extension",), True, False),
    ],
)
def test_elements(type_name: str, element: str, types: tuple[str, ...], is_list: bool, required: bool) -> None:
    found = r4().type(type_name).element(element)
    assert found is not None
    assert (found.types, found.is_list, found.required) == (types, is_list, required)


def test_a_choice_is_found_by_its_name_and_by_each_alternative() -> None:
    observation = r4().type("Observation")
    value = observation.element("value")
    assert value is not None
    assert value.is_choice
    assert value.attributes["Quantity"] == "valueQuantity"
    assert observation.element("valueQuantity") is value
    assert observation.element("valueSet") is None


def test_keywords_of_python_get_an_underscore() -> None:
    element = r4().type("Encounter").element("class")
    assert element is not None
    assert element.attribute == "class_"


@pytest.mark.parametrize(
    ("name", "of", "expected"),
    [
        ("Age", "Quantity", True),
        ("Patient", "Resource", True),
        ("Bundle", "DomainResource", False),
        ("positiveInt", "integer", True),
        ("Quantity", "Age", False),
        ("Observation.Component", "Element", True),
    ],
)
def test_subtypes(name: str, of: str, expected: bool) -> None:
    assert r4().is_subtype(name, of) is expected


@pytest.mark.parametrize(
    ("name", "path", "search"),
    [
        ("Condition", "subject", "patient"),
        ("AllergyIntolerance", "patient", "patient"),
        ("Patient", "id", "_id"),
        ("Appointment", "participant.actor", "patient"),
        ("Coverage", "beneficiary", "patient"),
        ("Task", "for", "patient"),
        ("Medication", None, None),
        ("Practitioner", None, None),
        ("Library", None, None),
    ],
)
def test_the_way_to_the_patient(name: str, path: str | None, search: str | None) -> None:
    info = r4().type(name)
    assert (info.patient_path, info.patient_search) == (path, search)


def test_a_misspelt_type_names_the_nearest() -> None:
    with pytest.raises(UnknownFhirType, match="Observation") as caught:
        r4().type("Obsevation")
    assert caught.value.code == "unknown-fhir-type"


def test_it_loads_fast() -> None:
    body = (build.HERE / "r4.json").read_bytes()
    start = time.process_time()
    Model(body).type("Observation")
    assert time.process_time() - start < 0.03
