"""Free text through a whole decision: it is read, marked, and asks where it would forbid."""

from __future__ import annotations

from typing import Any

from tests.pipeline.calls import answer, decided, order, records, request

ICD, CPT = "http://hl7.org/fhir/sid/icd-10-cm", "http://www.ama-assn.org/go/cpt"
SUBJECT = {"reference": "Patient/p1"}
ACTIVE = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]}


def condition(name: str, **code: Any) -> dict[str, Any]:
    return {
        "resourceType": "Condition",
        "id": name,
        "subject": SUBJECT,
        "clinicalStatus": ACTIVE,
        "code": code,
        "recordedDate": "2025-06-10",
    }


def mri(*reasons: str) -> dict[str, Any]:
    draft = order((CPT, "72148"))
    return {**draft, "reasonCode": [{"text": reason} for reason in reasons]} if reasons else draft


def augmentation() -> dict[str, Any]:
    return order((CPT, "22514"), "L1")


def decide(draft: dict[str, Any], *chart: dict[str, Any]) -> dict[str, Any]:
    response = answer("order-sign", chart, [draft])
    (record,) = records(response)
    return {"cards": response["cards"], **record}


def test_a_reason_in_words_names_the_fracture_and_its_level() -> None:
    record = decide(mri("acute comp fx L1", "back pain"))
    assert record["level"] == "L1"
    facts = {one["fact"]: one for one in record["evidence"]}
    assert facts["vcf_identified"]["value"] is True
    assert facts["vcf_identified"]["readFromText"] is True


def test_problems_in_words_decide_like_coded_ones() -> None:
    problems = [
        condition("c1", text="compression fx L1"),
        condition("c2", text="h/o breast ca"),
        condition("c3", text="LBP"),
    ]
    record = decide(mri(), *problems)
    assert (record["status"], record["primaryVariant"], record["level"]) == ("decided", "V2", "L1")
    assert any("read from text" in card.get("detail", "") for card in record["cards"])


def test_words_that_deny_or_speak_of_the_family_decide_nothing() -> None:
    problems = [condition("c1", text="no compression fracture"), condition("c2", text="FHx breast cancer")]
    record = decide(mri(), *problems)
    assert record["status"] == "no-variant"


def test_text_alone_asks_where_a_code_forbids() -> None:
    fracture = condition("c1", text="compression fx L1")
    read = decide(augmentation(), fracture, condition("c2", text="sepsis"))
    assert "absolute" not in read
    assert "sepsis" in read["safetyAsk"]
    coded = decide(augmentation(), fracture, condition("c2", coding=[{"system": ICD, "code": "A41.9"}]))
    assert coded["absolute"] == ["ABS-B1"]


def test_the_impression_of_a_report_tells_of_edema_and_clefts() -> None:
    report = {
        "resourceType": "DiagnosticReport",
        "id": "r1",
        "status": "final",
        "subject": SUBJECT,
        "code": {"coding": [{"system": "http://loinc.org", "code": "24968-0"}]},
        "effectiveDateTime": "2025-06-12",
        "conclusion": "Acute compression fracture of L1 with marrow edema. Retropulsion. No cleft.",
    }
    record = decide(augmentation(), condition("c1", text="compression fx L1"), report)
    facts = {one["fact"]: one["value"] for one in record["evidence"] if "value" in one}
    assert facts["marrow_edema"] is True
    assert facts["intravertebral_cleft"] is False
    assert "CAU-RETRO" in record["cautions"]


def test_an_order_in_words_is_an_order() -> None:
    record = decide(mri() | {"code": {"text": "MRI lumbar spine without contrast"}}, condition("c1", text="comp fx L1"))
    assert record["procedure"] == "mri-spine-wo"


def test_an_order_in_words_is_told_apart_by_the_codes_that_came() -> None:
    worded = {**mri(), "code": {"text": "Vertebroplasty T12"}}
    uncoded = {
        **mri(),
        "code": {"text": "Vertebroplasty T12", "coding": [{"system": CPT, "display": "Vertebroplasty"}]},
    }
    calls = [
        decided(request("order-sign", [condition("c1", text="compression fx L1")], [draft]))
        for draft in (worded, uncoded)
    ]
    orders = [judged.draft for call in calls for judged in call.trace.judged]
    assert [one.codings for one in orders if one is not None] == [(), ((CPT, None),)]
