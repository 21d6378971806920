"""Content loads whole or not at all, tolerates what real content does, and says everything that is wrong at once."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from cds_service.errors import ErrorGroup
from cds_service.knowledge.knowledge import Knowledge
from cds_service.knowledge.loading import LoadOptions, knowledge_of, load_knowledge
from cds_service.knowledge.operations import data_requirements
from cds_service.knowledge.reading import content_of, read_content
from cds_service.knowledge.tolerance import mended
from tests.plans.applying import BASE, activity, cql, library, plan, when

HOOKED = {"title": "T", "trigger": [{"type": "named-event", "name": "patient-view"}], "condition": [when("Is woman")]}
PLAN_YAML = """
resourceType: PlanDefinition
id: small
url: https://cds-service.example/fhir/PlanDefinition/small
version: 1.0.0
status: active
library: [https://cds-service.example/fhir/Library/Small]
action:
- id: a
  title: Old enough
  trigger: [{type: named-event, name: patient-view}]
  when: Old enough
  source: [{id: X, section: "1"}]
  cds: {indicator: warning}
"""
SMALL_CQL = """library Small version '1.0.0'
using FHIR version '4.0.1'
parameter "Age from" Integer default 65
context Patient
define "Old enough": AgeInYears() >= "Age from"
"""


def folder(path: Path, **files: str) -> Path:
    """A content folder with these files in `plandefinitions/small`."""
    home = path / "plandefinitions" / "small"
    home.mkdir(parents=True)
    for name, text in files.items():
        (home / name.replace("__", ".")).write_text(text, encoding="utf-8")
    return path


def small(path: Path, **changed: str) -> Knowledge:
    return load_knowledge([folder(path, **{"plan__yaml": PLAN_YAML, "logic__cql": SMALL_CQL, **changed})])


def test_a_folder_with_a_plan_and_a_cql_file_is_a_service(tmp_path: Path) -> None:
    service = small(tmp_path).services["small"]
    assert (service.hook, service.plan.canonical) == (
        "patient-view",
        "https://cds-service.example/fhir/PlanDefinition/small|1.0.0",
    )
    assert [need.template for need in service.needs] == ["Patient/{{context.patientId}}"]


def test_shorthands_become_plain_fhir(tmp_path: Path) -> None:
    action = small(tmp_path).definitions.find("PlanDefinition", _id="small")[0]["action"][0]
    assert action["condition"][0]["expression"] == {"language": "text/cql-identifier", "expression": "Old enough"}
    assert action["documentation"] == [{"type": "citation", "label": "X", "display": "1"}]
    assert action["extension"] == [
        {"url": "https://cds-service.example/fhir/StructureDefinition/indicator", "valueString": "warning"}
    ]
    assert not {"when", "cds", "source"} & set(action)


def test_a_site_puts_its_own_base_and_thresholds(tmp_path: Path) -> None:
    home = folder(tmp_path, plan__yaml=PLAN_YAML, logic__cql=SMALL_CQL, parameters__yaml="Small.Age from: 80")
    knowledge = load_knowledge([home], options=LoadOptions(base="https://hospital.example.org/fhir"))
    assert knowledge.services["small"].plan.url == "https://hospital.example.org/fhir/PlanDefinition/small"
    assert knowledge.namespace == "org.example.hospital"
    assert knowledge.site_parameters == {("Small", "Age from"): 80}


def test_calls_decode_only_what_logic_of_plans_reads(tmp_path: Path) -> None:
    counting = "library Counting using FHIR version '4.0.1' context Patient "
    counting += 'define "Categories": [Condition] C return C.category'
    asking = SMALL_CQL + 'define "Coded": exists ([Condition] C where C.severity is not null)\n'
    structs = small(tmp_path, logic__cql=asking, counting__cql=counting).structs
    assert "severity" in structs.struct_for("Condition").__struct_fields__
    assert "category" not in structs.struct_for("Condition").__struct_fields__


def test_everything_that_is_wrong_is_told_together(tmp_path: Path) -> None:
    with pytest.raises(ErrorGroup) as failure:
        small(
            tmp_path,
            logic__cql=SMALL_CQL + '\ndefine "Bad": 1 + true\ndefine "Worse": Nothing\n',
            plan__yaml=PLAN_YAML.replace("when: Old enough", "when: Young enough"),
            broken__json="{",
            parameters__yaml="Small.Nonsense: 1",
        )
    text = str(failure.value)
    for wanted in ("Young enough", "broken.json", "logic.cql", "Nothing"):
        assert wanted in text
    assert len(failure.value.errors) >= 4


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Patient.gendre = 'male'", "no element `gendre`"),
        ("Patient.gender = = 'male'", "Expected an expression"),
        ("gender = 'male'", None),
        ("%context.status = 'active'", None),
    ],
)
def test_fhirpath_that_can_never_hold_is_told_with_its_place(tmp_path: Path, text: str, problem: str | None) -> None:
    path = f'{{language: text/fhirpath, expression: "{text}"}}'
    changed = PLAN_YAML.replace("when: Old enough", f"condition: [{{kind: applicability, expression: {path}}}]")
    if problem is None:
        assert small(tmp_path, plan__yaml=changed).services
        return
    with pytest.raises(ErrorGroup) as caught:
        small(tmp_path, plan__yaml=changed)
    assert "plan.yaml" in str(caught.value)
    assert "small.action[0]" in str(caught.value)
    assert problem in str(caught.value)


def test_real_content_is_tolerated() -> None:
    resource = mended(
        {
            "resourceType": "PlanDefinition",
            "id": "PlanDefinition/x",
            "action": {"title": "T", "condition": {"kind": "applicability", "fhir_comments": ["x"]}},
            "title": ["T"],
        }
    )
    assert resource["id"] == "x"
    assert resource["title"] == "T"
    assert resource["action"][0]["condition"] == [{"kind": "applicability"}]


def test_numbers_where_texts_belong_become_texts(tmp_path: Path) -> None:
    found = small(tmp_path, plan__yaml=PLAN_YAML.replace("1.0.0", "1.10") + "  timingAge: {value: 2.50}\n")
    written = found.definitions.find("PlanDefinition")[0]
    assert (written["version"], str(written["action"][0]["timingAge"]["value"])) == ("1.10", "2.50")


@pytest.mark.parametrize("named", ["Library/small-logic", f"{BASE}/Library/small-logic", "Logic", "small-logic|3"])
def test_a_library_without_url_is_found_by_its_id(named: str) -> None:
    bare = {name: value for name, value in library().items() if name != "url"} | {"id": "small-logic"}
    knowledge = knowledge_of([bare, plan({"title": "T", "condition": [when("Yes")]}, library=[named])])
    assert knowledge.definitions.plans[0].library == "Logic"


def test_a_library_without_url_or_version_is_found_by_its_name() -> None:
    bare = {name: value for name, value in library().items() if name not in {"url", "id"}}
    knowledge = knowledge_of([bare, plan({"title": "T", "condition": [when("Yes")]})])
    assert knowledge.compiled.libraries == ("Logic",)


@pytest.mark.parametrize("name", ["org.example.Logic", '"org.example".Logic', '"Logic"', "Logic"])
def test_a_namespace_is_no_part_of_the_name_of_a_library(name: str) -> None:
    base = library("library org.example.Base define A: true", "Base")
    text = f"library {name} include org.example.Base called B define Yes: B.A"
    knowledge = knowledge_of([base, library(text), plan({"title": "T", "condition": [when("Yes")]})])
    assert sorted(knowledge.compiled.libraries) == ["Base", "Logic"]


def test_the_version_that_is_named_counts_else_the_newest() -> None:
    versions = [plan({"title": v}, id=f"v{v.replace('.', '-')}", version=v) for v in ("1.10", "1.9", "1.2")]
    definitions = knowledge_of([library(), *versions]).definitions
    url = f"{BASE}/PlanDefinition/plan"
    named = {suffix: definitions.plan(url + suffix) for suffix in ("", "|1.2", "|1.10", "|7")}
    assert {suffix: found and found.version for suffix, found in named.items()} == {
        "": "1.10", "|1.2": "1.2", "|1.10": "1.10", "|7": "1.10",
    }  # fmt: skip


def test_the_newer_of_two_versions_counts() -> None:
    older, newer = library("library L version '1.2'\ndefine A: 1"), library("library L version '1.10'\ndefine A: 2")
    assert content_of([newer, older]).libraries["L"].version == "1.10"
    assert content_of([older, newer]).libraries["L"].version == "1.10"


def test_a_fhir_package_is_read(tmp_path: Path) -> None:
    package = tmp_path / "guide.tgz"
    with tarfile.open(package, "w:gz") as archive:
        for name, resource in {"PlanDefinition-plan": plan(HOOKED), "Library-Logic": library()}.items():
            body = json.dumps(resource).encode()
            entry = tarfile.TarInfo(f"package/{name}.json")
            entry.size = len(body)
            archive.addfile(entry, io.BytesIO(body))
    content = read_content([package])
    assert sorted(found.type for found in content.resources) == ["Library", "PlanDefinition"]
    assert not content.errors


def test_every_named_event_of_any_action_makes_a_service() -> None:
    def trigger(hook: str) -> list[dict[str, str]]:
        return [{"type": "named-event", "name": hook}]

    inner = {"title": "I", "trigger": trigger("order-sign")}
    two = plan({"title": "T", "trigger": trigger("patient-view"), "action": [inner]})
    assert {s.id: s.hook for s in knowledge_of([library(), two]).services.values()} == {
        "plan-patient-view": "patient-view",
        "plan-order-sign": "order-sign",
    }


def test_two_plans_cannot_make_the_same_service() -> None:
    other = plan(HOOKED, url=f"{BASE}/PlanDefinition/other")
    with pytest.raises(ErrorGroup, match=r"Two plans make the service plan: .*/plan and .*/other"):
        knowledge_of([library(), plan(HOOKED), other])


@pytest.mark.parametrize(
    ("text", "templates"),
    [
        ("[Observation]", {"Observation?patient="}),
        ("[MedicationRequest] union [Condition]", {"MedicationRequest?patient=", "Condition?patient="}),
        ("[Coverage]", {"Coverage?patient="}),
    ],
)
def test_prefetch_asks_for_what_the_logic_retrieves(text: str, templates: set[str]) -> None:
    head = "library Logic\nusing FHIR version '4.0.1'\ncontext Patient\n"
    logic = f'{head}define "Is woman": exists ({text})\ndefine Unused: [Procedure]'
    service = knowledge_of([library(logic), plan(HOOKED)]).services["plan"]
    token = "{{context.patientId}}"
    assert {need.template for need in service.needs} == {f"Patient/{token}", *(f"{each}{token}" for each in templates)}


def test_prefetch_asks_for_what_the_orders_of_a_plan_are_filled_from() -> None:
    logic = "library Logic\nusing FHIR version '4.0.1'\ncontext Patient\ndefine \"Is woman\": true\n"
    logic += "define Dose: First([Observation] O return O.status.value)"
    dosed = activity("MedicationRequest", dynamicValue=[{"path": "note[0].text", "expression": cql("Dose")}])
    ordered = {**HOOKED, "definitionCanonical": f"{BASE}/ActivityDefinition/activity"}
    knowledge = knowledge_of([library(logic), plan(ordered), dosed])
    assert [need.type_name for need in knowledge.services["plan"].needs] == ["Patient", "Observation"]
    asked = data_requirements(knowledge, knowledge.services["plan"].plan)["dataRequirement"]
    assert "Observation" in [requirement["type"] for requirement in asked]


def test_nothing_at_all_is_content_too(tmp_path: Path) -> None:
    assert load_knowledge([tmp_path]).services == {}


def test_an_unknown_kind_of_decision_is_refused() -> None:
    decides = {"url": "https://cds-service.example/fhir/StructureDefinition/decides", "valueString": "weather"}
    with pytest.raises(ErrorGroup, match="weather"):
        knowledge_of([library(), plan(HOOKED, extension=[decides])])


def test_activities_and_plans_share_their_libraries() -> None:
    dynamic: list[Any] = [{"path": "description", "expression": cql("Text")}]
    ordered = {"title": "T", "definitionCanonical": f"{BASE}/ActivityDefinition/activity"}
    knowledge = knowledge_of([library(), plan(ordered), activity("Task", dynamicValue=dynamic)])
    assert len(knowledge.definitions.activities) == 1


def test_a_library_that_cannot_be_read_is_told_before_what_misses_it(tmp_path: Path) -> None:
    with pytest.raises(ErrorGroup) as caught:
        small(tmp_path, logic__cql=SMALL_CQL.replace("library", "libary", 1))
    first, *others = caught.value.errors
    assert first.code == "cql-syntax"
    assert all("logic.cql" in str(error) or "plan.yaml" in str(error) for error in others)
