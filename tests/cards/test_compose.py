"""Cards from proposals: order, keys, repetition."""

from __future__ import annotations

import dataclasses

from msgspec.structs import replace

from cds_service.cards.compose import KEY_EXTENSION, compose_cards, decision_key
from cds_service.proposals.proposals import CardTemplate, Proposal, ProposedAction, ProposedSuggestion, Reason

TEMPLATE = CardTemplate(
    id="rating", about="rating", hooks=frozenset(), severity=(), topic={}, summary=("{s}",), detail="{d}",
    suggestions=(), override_reasons=(),
)  # fmt: skip
REASON = Reason("https://example.org", "no", "No")
PROPOSAL = Proposal(
    template=TEMPLATE,
    order="ServiceRequest/1",
    indicator="info",
    values={"s": ("Said",), "d": ("Because",)},
    source_label="Source",
    source_url="https://example.org",
    topic={"system": "https://example.org/topics", "code": "t"},
    plan="https://example.org/p|1",
    action="A",
    content=("A", "good"),
    override_reasons=(REASON, REASON),
)
NAMESPACE = "example.site"


def test_cards_come_worst_first_and_name_their_order() -> None:
    rules = replace(PROPOSAL, template=dataclasses.replace(TEMPLATE, id="rules", about="rules"), indicator="critical")
    cards = compose_cards([PROPOSAL, rules], "call", NAMESPACE)
    assert [card.indicator for card in cards] == ["critical", "info"]
    assert all(card.associated == ("ServiceRequest/1",) for card in cards)
    assert len(cards[0].override_reasons) == 1


def test_the_same_call_gives_the_same_card_and_another_call_another_uuid() -> None:
    assert compose_cards([PROPOSAL], "call", NAMESPACE) == compose_cards([PROPOSAL], "call", NAMESPACE)
    assert compose_cards([PROPOSAL], "a", NAMESPACE)[0].uuid != compose_cards([PROPOSAL], "b", NAMESPACE)[0].uuid


def test_the_key_follows_the_advice_not_the_words() -> None:
    key = decision_key(PROPOSAL)
    assert decision_key(replace(PROPOSAL, values={"s": ("Other words",)})) == key
    assert decision_key(replace(PROPOSAL, content=("A", "bad"))) != key
    assert decision_key(replace(PROPOSAL, order="ServiceRequest/2")) != key
    assert decision_key(replace(PROPOSAL, indicator="warning")) != key
    card = compose_cards([PROPOSAL], "call", NAMESPACE)[0]
    assert card.extension[f"{NAMESPACE}.{KEY_EXTENSION}"] == key


def test_advice_that_was_given_already_is_not_repeated() -> None:
    assert compose_cards([PROPOSAL], "call", NAMESPACE, already_said=frozenset({decision_key(PROPOSAL)})) == ()


def test_buttons_that_exclude_each_other_are_at_most_one() -> None:
    def button(kind: str) -> ProposedSuggestion:
        resource = {"resourceType": "ServiceRequest", "id": "1"}
        return ProposedSuggestion(kind, (ProposedAction("update", kind, resource),), kind)

    replacing = replace(PROPOSAL, suggestions=(button("replace"), button("create")))
    adding = replace(PROPOSAL, suggestions=(button("create"), button("answer")))
    assert compose_cards([replacing], "c", NAMESPACE)[0].selection_behavior == "at-most-one"
    assert compose_cards([adding], "c", NAMESPACE)[0].selection_behavior == "any"


def test_what_no_card_may_carry_leaves_the_advice_without_its_trimmings() -> None:
    (card,) = compose_cards([replace(PROPOSAL, source_url="not an address")], "call", NAMESPACE)
    assert (card.summary, card.detail, card.source.url, card.override_reasons) == ("Said", "Because", None, ())


def test_words_are_in_the_language_where_there_are_some() -> None:
    german = dataclasses.replace(TEMPLATE, translations={"de": {"summary": "{s}!", "detail": "Weil: {d}"}})
    for language, expected in (
        ("de", ("Said!", "Weil: Because")),
        ("de-CH", ("Said!", "Weil: Because")),
        (None, ("Said", "Because")),
    ):
        (card,) = compose_cards([replace(PROPOSAL, template=german)], "call", NAMESPACE, language)
        assert (card.summary, card.detail) == expected
