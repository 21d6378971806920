"""What one hook of a chain has said, another does not repeat."""

from __future__ import annotations

from cds_service.memory.sayings import Sayings

CHAIN = ("client", "instance", "patient")


def test_only_what_other_services_of_the_chain_said_counts() -> None:
    sayings = Sayings()
    sayings.note(CHAIN, "select", frozenset({"a"}))
    assert sayings.by_others(CHAIN, "sign") == {"a"}
    assert sayings.by_others(CHAIN, "select") == frozenset()
    assert sayings.by_others(("client", "other", "patient"), "sign") == frozenset()


def test_the_oldest_chains_are_forgotten() -> None:
    sayings = Sayings(most=2)
    for number in range(3):
        sayings.note(("c", str(number), "p"), "select", frozenset({"a"}))
    assert sayings.by_others(("c", "0", "p"), "sign") == frozenset()
    assert sayings.by_others(("c", "2", "p"), "sign") == {"a"}
