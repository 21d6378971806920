"""The form behind a question card: its link, its questions, its answers, and what is kept of them."""

from __future__ import annotations

import base64
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from cds_service.hooks.contexts import Context
from cds_service.hooks.requests import HookRequest
from cds_service.memory.database import SqliteDatabase
from cds_service.memory.forms import FormStore, KeptCall, Whom
from cds_service.memory.migrations import migrate
from cds_service.workbench.form_links import FormClosed, FormLinks, Handle
from tests.workbench.conftest import Site

CALL = "0f6f2c0e-5d0c-4a5e-9a5c-3b1d4c1f7a10"


def asking_request(site: Site, patient: str) -> dict[str, Any]:
    """A call whose rating waits for one answer, about a patient of its own."""
    import json

    loaded = site.example("V01")
    request = loaded["request"]
    for entry in request["prefetch"]["observation"]["entry"]:
        resource = entry["resource"]
        if resource["code"]["coding"][0]["code"] == "symptomatic":
            del resource["valueBoolean"]
            resource["dataAbsentReason"] = {"coding": [{"code": "unknown"}]}
    moved: dict[str, Any] = json.loads(json.dumps(request).replace("case-patient", patient))
    return moved


def link_of(answer: dict[str, Any]) -> str:
    links = [str(link["url"]) for card in answer["cards"] for link in card.get("links", ())]
    return next(link for link in links if "/form/" in link)


def opened(site: Site, link: str) -> str:
    for _ in range(40):  # the call is written by a thread of its own
        answer = site.client().get(link.removeprefix(site.url))
        if answer.status_code == 200:
            return answer.get_data(as_text=True)
        time.sleep(0.05)
    raise AssertionError(answer.get_data(as_text=True))


def test_a_question_card_leads_to_a_form_that_asks_only_what_matters(site: Site) -> None:
    answer = site.call("vcf-order-sign", asking_request(site, "form-1"))
    link = link_of(answer)
    assert "form-1" not in link
    page = opened(site, link)
    assert page.count("<fieldset") == 1
    assert "answer-symptomatic" in page
    assert "waits for an answer" in page


def test_answers_are_filed_and_count_in_the_next_call(site: Site) -> None:
    request = asking_request(site, "form-2")
    first = site.call("vcf-order-sign", request)
    link = link_of(first).removeprefix(site.url)
    opened(site, link_of(first))
    page = site.client().post(link, data={"answer-symptomatic": "true"}).get_data(as_text=True)
    assert "1 answer filed" in page
    assert "usually appropriate" in page
    second = site.call("vcf-order-sign", request)
    record = second["extension"]["example.cds-service.decisions"][0]
    assert record["status"] == "decided", record
    other = site.call("vcf-order-sign", asking_request(site, "form-3"))
    assert other["extension"]["example.cds-service.decisions"][0]["status"] == "ask"


def test_a_preview_files_nothing(site: Site) -> None:
    request = asking_request(site, "form-4")
    link = link_of(site.call("vcf-order-sign", request))
    opened(site, link)
    told = site.client().post(f"{link.removeprefix(site.url)}/preview", data={"answer-symptomatic": "false"}).get_json()
    assert "With these answers" in told["decision"]
    kinds = [message["messageType"] for message in told["messages"]]
    assert kinds[0] == "scratchpad.create"
    assert kinds[-1] == "ui.done"
    resource = told["messages"][0]["payload"]["resource"]
    assert resource["code"]["coding"][0]["code"] == "symptomatic"
    assert resource["valueBoolean"] is False
    again = site.call("vcf-order-sign", request)
    assert again["extension"]["example.cds-service.decisions"][0]["status"] == "ask"


def test_only_origins_of_the_site_may_frame_the_form(site: Site) -> None:
    link = link_of(site.call("vcf-order-sign", asking_request(site, "form-5")))
    opened(site, link)
    policy = site.client().get(link.removeprefix(site.url)).headers["Content-Security-Policy"]
    assert f"frame-ancestors {site.url}" in policy
    assert "frame-ancestors 'none'" in site.client().get("/").headers["Content-Security-Policy"]


def test_where_the_form_is_a_smart_app_its_handle_is_the_context_of_the_launch(site: Site) -> None:
    forms = replace(site.prepared.forms, is_launched=True) if site.prepared.forms else None
    assert forms is not None
    request = HookRequest("order-sign", "i", Context("p"), datetime(2025, 1, 1, tzinfo=UTC), CALL)
    told = forms.site("us", request)
    assert told.question_url("ask-abc") == f"{site.url}/form/launch"
    handle = told.question_context("ask-abc")
    assert handle is not None
    assert forms.links.open(handle).questionnaire == "ask-abc"


LINKS = FormLinks(b"k" * 32, "https://cds.example", 60, clock=lambda: 1000.0)
HANDLE = Handle(CALL, "ask-abc", 1060)


def test_a_handle_says_what_it_was_made_of() -> None:
    assert LINKS.open(LINKS.text_of(HANDLE)) == HANDLE


@pytest.mark.parametrize("position", range(0, 60, 7))
def test_a_changed_handle_opens_nothing(position: int) -> None:
    sealed = bytearray(base64.urlsafe_b64decode(LINKS.text_of(HANDLE) + "=="))
    sealed[position % len(sealed)] ^= 1
    with pytest.raises(FormClosed):
        LINKS.open(base64.urlsafe_b64encode(bytes(sealed)).decode().rstrip("="))


@pytest.mark.parametrize("text", ["", "x", "é", "a" * 300, "=" * 20, "AAAA"])
def test_what_is_no_handle_opens_nothing(text: str) -> None:
    with pytest.raises(FormClosed):
        LINKS.open(text)


def test_an_old_handle_opens_nothing() -> None:
    with pytest.raises(FormClosed, match="expired"):
        LINKS.open(LINKS.text_of(replace(HANDLE, expires=999)))


def test_a_handle_of_another_site_opens_nothing() -> None:
    with pytest.raises(FormClosed):
        replace(LINKS, key=b"o" * 32).open(LINKS.text_of(HANDLE))


def test_what_is_kept_is_sealed_and_ends(tmp_path: Any) -> None:
    file = tmp_path / "memory.sqlite"
    database = SqliteDatabase(file, durable=False)
    migrate(database)
    now = [1000.0]
    store = FormStore(database, b"k" * 32, clock=lambda: now[0])
    store.keep(CALL, KeptCall("vcf-order-sign", "2025-06-15T09:00:00+00:00", "any", b'{"patient": "Smith"}'), 1060)
    store.flush()
    whom = Whom("any", None, "Smith")
    store.file(whom, [{"resourceType": "Observation", "note": "Smith"}], 1060)
    kept = store.get(CALL, 1060)
    assert kept is not None
    assert kept.body == b'{"patient": "Smith"}'
    assert store.get(CALL, 1061) is None
    assert store.filed(whom) == [{"resourceType": "Observation", "note": "Smith"}]
    assert store.filed(replace(whom, patient="Jones")) == []
    told = b"".join(each.read_bytes() for each in tmp_path.rglob("*") if each.is_file())
    assert b"Smith" not in told
    assert b"vcf-order-sign" not in told
    assert FormStore(database, b"o" * 32, clock=lambda: 1000.0).get(CALL, 1060) is None
    now[0] = 1061.0
    assert store.get(CALL, 1060) is None
    assert store.filed(whom) == []
    database.close()


def with_much_else(request: dict[str, Any]) -> dict[str, Any]:
    """The call with hundreds of blood counts."""
    patient = {"reference": f"Patient/{request['context']['patientId']}"}
    code = {"coding": [{"system": "http://loinc.org", "code": "718-7"}]}
    request["prefetch"]["observation"]["entry"] += [
        {
            "resource": {
                "resourceType": "Observation",
                "id": f"hb{n}",
                "status": "final",
                "code": code,
                "subject": patient,
            }
        }
        for n in range(300)
    ]
    return request


def test_of_a_large_call_what_matters_is_kept(site: Site) -> None:
    forms = site.prepared.forms
    assert forms is not None
    request = with_much_else(asking_request(site, "form-6"))
    link = link_of(site.call("vcf-order-sign", request))
    assert "answer-symptomatic" in opened(site, link)
    handle = forms.links.open(link.rpartition("/")[2])
    kept = forms.store.get(handle.call_id, handle.expires)
    assert kept is not None
    assert kept.content == forms.content
    assert b"718-7" not in kept.body
    assert b"symptomatic" in kept.body
    page = site.client().post(link.removeprefix(site.url), data={"answer-symptomatic": "true"}).get_data(as_text=True)
    assert "usually appropriate" in page


def test_a_call_of_which_a_part_was_kept_is_not_decided_by_other_rules(site: Site) -> None:
    forms = site.prepared.forms
    assert forms is not None
    handle = Handle(CALL, "ask-abc", int(time.time()) + 60)
    forms.store.keep(
        CALL, KeptCall("vcf-order-sign", "2025-06-15T09:00:00+00:00", "any", b"{}", "others"), handle.expires
    )
    answer = site.client().get(f"/form/{forms.links.text_of(handle)}")
    assert answer.status_code == 404
    assert "rules were changed" in answer.get_data(as_text=True)


def test_a_link_whose_call_was_not_kept_says_so(site: Site) -> None:
    forms = site.prepared.forms
    assert forms is not None
    handle = Handle("0f6f2c0e-5d0c-4a5e-9a5c-3b1d4c1f7a11", "ask-abc", int(time.time()) + 60)
    answer = site.client().get(f"/form/{forms.links.text_of(handle)}")
    assert answer.status_code == 404
    assert "is gone" in answer.get_data(as_text=True)
