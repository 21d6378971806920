"""Whether decisions are what a recording says they should be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cds_service.replay.results import Result

_ENDINGS = ("_includes", "_excludes")


def unmet(result: Result) -> tuple[str, ...]:
    """What was expected and is not so, in words; empty where nothing was expected."""
    if not result.expected:
        return ()
    if result.failure is not None:
        return (f"no decision: {result.failure.what}",)
    return tuple(found for expected in result.expected for found in _unmet_record(expected, result))


def _unmet_record(expected: Mapping[str, Any], result: Result) -> Iterator[str]:
    order = expected.get("order")
    records = [record for record in result.records if order is None or record.get("order") == order]
    if not records:
        yield f"no decision about {order}" if order else "no decision"
        return
    record = records[0]
    for name, wanted in expected.items():
        if name in ("order", "cards"):
            continue
        ending = next((each for each in _ENDINGS if name.endswith(each)), "")
        member = name.removesuffix(ending)
        found = record.get(member)
        if not _holds(ending, wanted, found):
            yield f"{name}: expected {_shown(wanted)}, found {_shown(found)}"
    if "cards" in expected:
        yield from _unmet_cards(expected["cards"], result)


def _holds(ending: str, wanted: Any, found: Any) -> bool:
    if ending:
        present = {str(each) for each in found or ()}
        named = {str(each) for each in (wanted if isinstance(wanted, list) else [wanted])}
        return named <= present if ending == "_includes" else not named & present
    if isinstance(wanted, list):
        return sorted(map(str, wanted)) == sorted(map(str, found or ()))
    return bool(wanted == found) or (wanted in (None, False) and found is None)


def _unmet_cards(wanted: Any, result: Result) -> Iterator[str]:
    for card in wanted if isinstance(wanted, list) else [wanted]:
        fits = any(
            (card.get("indicator") in (None, each.indicator))
            and str(card.get("summary_contains", "")) in each.summary
            and str(card.get("detail_contains", "")) in each.detail
            for each in result.cards
        )
        if not fits:
            yield f"no card like {_shown(card)}"


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, list):
        return "[" + ", ".join(map(str, value)) + "]"
    return str(value)
