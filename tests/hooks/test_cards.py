from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.hooks.cards import Action, Card, Coding, InvalidCard, Link, Response, Source, Suggestion
from cds_service.hooks.identifiers import derive_uuid
from cds_service.hooks.plain import prune
from cds_service.hooks.rendering import render_response, response_json
from cds_service.hooks.services import Service, render_services
from cds_service.hooks.text import escape, shorten

SOURCE = Source("Criteria 2026")
ORDER = {"resourceType": "ServiceRequest", "id": "o1"}


def card(**members: Any) -> Card:
    return Card(**{"uuid": "u1", "summary": "Seen", "indicator": "info", "source": SOURCE, **members})


def rendered(response: Response) -> Any:
    return json.loads(render_response(response))


@pytest.mark.parametrize(
    "make",
    [
        lambda: card(uuid=""),
        lambda: card(summary="  "),
        lambda: card(indicator="hard-stop"),
        lambda: card(selection_behavior="any"),
        lambda: card(suggestions=(Suggestion("a", "s"),), selection_behavior="all"),
        lambda: card(suggestions=(Suggestion("a", "s"), Suggestion("b", "s"))),
        lambda: card(
            suggestions=(Suggestion("a", "1", is_recommended=True), Suggestion("b", "2", is_recommended=True))
        ),
        lambda: card(override_reasons=(Coding("a", "s"),)),
        lambda: Response(cards=(card(), card())),
        lambda: Source(""),
        lambda: Source("x", url="/relative"),
        lambda: Source("x", icon="icon.png"),
        lambda: Link("x", "/relative"),
        lambda: Link("x", "javascript:alert(1)"),
        lambda: Link("", "https://x.example"),
        lambda: Link("x", "https://x.example", app_context="a"),
        lambda: Link("x", "https://x.example", "smart", app_context=""),
        lambda: Suggestion("", "u"),
        lambda: Suggestion("a", ""),
        lambda: Coding("", "s"),
        lambda: Action.create("", ORDER),
        lambda: Action.create("x", {}),
        lambda: Action.update("x", {"resourceType": "ServiceRequest"}),
        lambda: Action("delete", "x", ORDER, "ServiceRequest/o1"),
        lambda: Action.delete("x", "o1"),
        lambda: Action("create", "x", ORDER, "ServiceRequest/o1"),
        lambda: Action("replace", "x", ORDER),  # type: ignore[arg-type]  # what the type forbids is forbidden at run time
    ],
)
def test_what_the_standard_forbids_cannot_be_made(make: Callable[[], object]) -> None:
    with pytest.raises(InvalidCard):
        make()


def test_no_advice() -> None:
    assert render_response(Response()) == b'{"cards":[]}'


def test_a_full_card() -> None:
    full = card(
        summary="Order 1: usually appropriate",
        detail="**Why**",
        source=Source("L", "https://x.example", "https://x.example/i.png", Coding("t", "s", "T")),
        suggestions=(Suggestion("Keep", "s1", True, (Action.update("Keep", ORDER),)), Suggestion("Drop", "s2")),
        override_reasons=(Coding("patient-refuses", "s", "Patient declines"),),
        links=(Link("More", "https://x.example/1"), Link("App", "https://x.example/l", "smart", "handle", True)),
        associated=("ServiceRequest/o1",),
        extension={"org.example.x": [], "org.example.y": 1},
    )
    (out,) = rendered(Response((full,)))["cards"]
    assert out == {
        "uuid": "u1",
        "summary": "Order 1: usually appropriate",
        "detail": "**Why**",
        "indicator": "info",
        "source": {
            "label": "L",
            "url": "https://x.example",
            "icon": "https://x.example/i.png",
            "topic": {"code": "t", "system": "s", "display": "T"},
        },
        "suggestions": [
            {
                "label": "Keep",
                "uuid": "s1",
                "isRecommended": True,
                "actions": [{"type": "update", "description": "Keep", "resource": ORDER}],
            },
            {"label": "Drop", "uuid": "s2"},
        ],
        "selectionBehavior": "at-most-one",
        "overrideReasons": [{"code": "patient-refuses", "system": "s", "display": "Patient declines"}],
        "links": [
            {"label": "More", "url": "https://x.example/1", "type": "absolute"},
            {
                "label": "App",
                "url": "https://x.example/l",
                "type": "smart",
                "appContext": "handle",
                "autolaunchable": True,
            },
        ],
        "extension": {"org.example.y": 1, "davinci-crd.associated-resource": [{"reference": "ServiceRequest/o1"}]},
    }


def test_system_actions_stand_twice_and_keep_their_digits() -> None:
    resource = {**ORDER, "quantityQuantity": {"value": Decimal("1.10")}, "note": [{"text": ""}], "empty": []}
    body = render_response(
        Response(system_actions=(Action.update("Rate", resource),), extension={"org.example.n": None})
    )
    assert body.count(b"1.10") == 2
    out = json.loads(body)
    assert out["systemActions"] == out["extension"]["systemActions"]
    assert out["systemActions"][0]["resource"]["empty"] == []  # an update changes nothing that it does not mean to
    assert set(out["extension"]) == {"systemActions"}
    assert out["cards"] == []


@given(st.text(max_size=400))
def test_summaries_fit(text: str) -> None:
    short = shorten(text)
    assert len(short) < 140
    assert "\n" not in short


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("short", "short"),
        ("two\n lines", "two lines"),
        ("word " * 40, "word " * 26 + "word…"),
        ("x" * 139, "x" * 139),
        ("x" * 140, "x" * 138 + "…"),
        ("a" * 130 + ", " + "b" * 20, "a" * 130 + "…"),
    ],
)
def test_summaries_are_cut_at_a_word(text: str, expected: str) -> None:
    assert shorten(text) == expected[:139]


def test_foreign_text_is_only_text() -> None:
    assert escape("<img src=x onerror=1>") == "&lt;img src=x onerror=1\\>"
    assert escape("[click](http://x)\n# Title") == "\\[click\\]\\(http\\://x\\) \\# Title"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=4), part, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=4), json_values, max_size=4))
def test_nothing_empty_goes_out(extension: dict[str, Any]) -> None:
    def check(value: Any) -> None:
        parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        for part in parts:
            assert part not in (None, "", [], {})
            check(part)

    check(prune(extension))


def test_an_empty_display_is_none() -> None:
    coding = card(source=Source("L", topic=Coding("t", "s", "")))
    (out,) = rendered(Response((coding,)))["cards"]
    assert out["source"]["topic"] == {"code": "t", "system": "s"}


def test_an_answer_as_plain_data_is_what_goes_out() -> None:
    full = card(
        suggestions=(Suggestion("Keep", "s1", actions=(Action.update("Keep", ORDER),)),),
        override_reasons=(Coding("a", "s", "A"),),
        links=(Link("x", "https://x.example"),),
        extension={"org.example.x": ("a", "")},
    )
    response = Response((full,), (Action.update("Rate", {**ORDER, "value": Decimal("1.5")}),))
    plain = response_json(response)
    assert plain["systemActions"][0]["resource"]["value"] == Decimal("1.5")
    assert plain == rendered(response)  # lists are lists here as there
    assert plain["cards"][0]["extension"] == {"org.example.x": ["a"]}


def test_uuids_are_those_of_version_5() -> None:
    for number in range(50):
        name = "\x1f".join(("call", "card", str(number)))
        assert derive_uuid("call", "card", str(number)) == str(
            uuid5(UUID("5b0f5c0e-1f0a-5d2e-9c39-6b1c1f8a7d10"), name)
        )


def test_uuids_depend_on_the_call_alone() -> None:
    one = derive_uuid("call", "card", "1")
    assert one == derive_uuid("call", "card", "1") == str(UUID(one))
    assert len({one, derive_uuid("call", "card", "2"), derive_uuid("other", "card", "1")}) == 3


def test_discovery_leaves_out_what_is_empty_or_deprecated() -> None:
    services = (Service("a", "patient-view", "A", "B"), Service("b", "order-review", "A", "B"))
    assert render_services(services) == {
        "services": [{"hook": "patient-view", "id": "a", "title": "A", "description": "B", "version": "2.0.1"}]
    }


def test_fhirpath_tokens_are_for_clients_that_know_them() -> None:
    drafts = "{{context.draftOrders.entry.resource.ofType(ServiceRequest).encounter.resolve().id}}"
    service = Service(
        "a", "order-sign", "A", "B", {"p": "Patient/{{context.patientId}}"}, "", {"e": f"Encounter/{drafts}"}
    )
    for fhirpath, keys in ((False, {"p"}), (True, {"p", "e"})):
        (listed,) = render_services((service,), fhirpath=fhirpath)["services"]
        assert set(listed["prefetch"]) == keys
