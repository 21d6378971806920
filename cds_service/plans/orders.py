"""Draft orders changed: replaced by a better one in the same code system, accompanied by another, marked with a rating.

Every change starts from a copy of the draft as it came in, so that nothing the client wrote is lost. Parts that do not
change are shared with the draft; nobody changes them in place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from cds_service.plans.extensions import listed
from cds_service.plans.procedures import Coding

RATING = "http://fhir.org/argonaut/Extension/pama-rating"
CONSULTED = "http://fhir.org/argonaut/Extension/pama-rating-qcdsm-consulted"
CONSULT_ID = "http://fhir.org/argonaut/Extension/pama-rating-consult-id"
CRITERION = "http://fhir.org/argonaut/Extension/pama-rating-auc-applied"
RATING_SYSTEM = "http://fhir.org/argonaut/CodeSystem/pama-rating"
_MARKS = frozenset({RATING, CONSULTED, CONSULT_ID, CRITERION})
# What a new order takes over from the draft that it accompanies.
_SHARED = (
    "subject", "encounter", "requester", "reasonCode", "reasonReference", "bodySite", "priority", "insurance",
)  # fmt: skip


class DraftOrder:
    """An order as it came: what logic reads of it, and all of it as JSON for what starts from it."""

    def __init__(self, struct: Any, whole: Callable[[], Mapping[str, Any]], *, is_read_from_text: bool) -> None:
        self.struct, self._whole, self._is_read_from_text = struct, whole, is_read_from_text

    @cached_property
    def codings(self) -> tuple[Coding, ...]:
        """The codings of its code as they came, without those that its words were taken for."""
        if not self._is_read_from_text:
            return codings_of(self.struct)
        came = listed((self.json.get("code") or {}).get("coding"))
        return tuple([(coding.get("system"), coding.get("code")) for coding in came])

    @cached_property
    def json(self) -> Mapping[str, Any]:
        """The whole order; most decisions do without."""
        return self._whole()

    @cached_property
    def sites(self) -> Sequence[Mapping[str, Any]]:
        """Where in the body."""
        if getattr(self.struct, "bodySite", None) == ():
            return ()
        return [site for site in listed(self.json.get("bodySite")) if isinstance(site, dict)]


def codings_of(order: Any) -> tuple[Coding, ...]:
    """The codings of an order's code, as logic reads it."""
    concept = getattr(order, "code", None)
    return tuple([(coding.system, coding.code) for coding in concept.coding]) if concept is not None else ()


@dataclass(frozen=True, slots=True)
class OrderCode:
    """A code that orders a procedure, with the regions that it covers."""

    system: str
    code: str
    display: str | None
    procedure: str
    regions: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class OrderCodes:
    """The codes that order procedures, both ways."""

    by_procedure: Mapping[str, tuple[OrderCode, ...]] = field(default_factory=dict)
    by_code: Mapping[Coding, OrderCode] = field(default_factory=dict)
    of_levels: Mapping[str, str] = field(default_factory=dict)  # level -> region

    _regional: frozenset[str] = field(init=False, repr=False)  # the procedures whose codes name regions
    _counterparts: Mapping[tuple[str, str, frozenset[str]], OrderCode] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        regional = [name for name, codes in self.by_procedure.items() if any(code.regions for code in codes)]
        object.__setattr__(self, "_regional", frozenset(regional))
        counterparts: dict[tuple[str, str, frozenset[str]], OrderCode] = {}
        for procedure, codes in self.by_procedure.items():
            for code in codes:
                counterparts.setdefault((procedure, code.system, code.regions), code)
        object.__setattr__(self, "_counterparts", counterparts)

    def region(self, procedure: str, level: str | None, codings: Iterable[Coding]) -> str | None:
        """The one region that an order is about; None where its kind of procedure has none, or several are meant."""
        if procedure not in self._regional:
            return None
        if level is not None and level in self.of_levels:
            return self.of_levels[level]
        found: set[str] = set()
        for coding in codings:
            code = self.by_code.get(coding)
            if code is not None:
                found |= code.regions
        return found.pop() if len(found) == 1 else None

    def counterpart(self, coding: Mapping[str, Any], procedure: str) -> OrderCode | None:
        """The code in the same system that orders `procedure` in the same region; None if there is none."""
        system, code = str(coding.get("system") or ""), str(coding.get("code") or "")
        origin = self.by_code.get((system, code))
        return self._counterparts.get((procedure, system, origin.regions if origin else frozenset()))


def read_order_codes(maps: Iterable[Mapping[str, Any]], procedures: str, regions: str, levels: str = "") -> OrderCodes:
    """The order codes in ConceptMaps that lead to the procedures, with the regions that other maps give them."""
    covered: dict[tuple[str, str], set[str]] = {}
    found: list[tuple[str, Mapping[str, Any], str]] = []
    for concept_map in maps:
        for group in listed(concept_map.get("group")):
            source = str(group.get("source") or "")
            for element in listed(group.get("element")):
                for target in listed(element.get("target")):
                    code = str(target.get("code") or "")
                    if group.get("target") == regions and code:
                        covered.setdefault((source, str(element.get("code"))), set()).add(code)
                    elif group.get("target") == procedures and target.get("equivalence") in {"equivalent", "equal"}:
                        found.append((source, element, code))
    by_procedure: dict[str, list[OrderCode]] = {}
    by_code: dict[Coding, OrderCode] = {}
    for source, element, procedure in found:
        key = (source, str(element.get("code")))
        entry = OrderCode(source, key[1], element.get("display"), procedure, frozenset(covered.get(key, ())))
        by_procedure.setdefault(procedure, []).append(entry)
        by_code.setdefault(key, entry)
    of_levels = {
        code: next(iter(found)) for (source, code), found in covered.items() if source == levels and len(found) == 1
    }
    return OrderCodes({code: tuple(entries) for code, entries in by_procedure.items()}, by_code, of_levels)


def replaced(draft: Mapping[str, Any], procedure: str, name: str, system: str, codes: OrderCodes) -> dict[str, Any]:
    """The draft ordering `procedure` instead, coded in the systems in which it came, everything else kept."""
    order = without_marks(draft)
    concept = order.get("code")
    came = listed(concept.get("coding")) if isinstance(concept, dict) else []
    codings = []
    for coding in came:
        if coding.get("system") == system:
            codings.append({"system": system, "code": procedure, "display": name})
        elif counterpart := codes.counterpart(coding, procedure):
            new = {"system": counterpart.system, "code": counterpart.code, "display": counterpart.display}
            codings.append({key: value for key, value in new.items() if value})
    order["code"] = {"coding": codings or [{"system": system, "code": procedure, "display": name}], "text": name}
    return order


def accompanying(draft: Mapping[str, Any] | None, template: Mapping[str, Any], subject: str) -> dict[str, Any]:
    """A new order made from an applied ActivityDefinition, for the same patient and reason as the draft."""
    order = {name: value for name, value in template.items() if name not in {"id", "instantiatesCanonical"}}
    order.setdefault("subject", {"reference": subject})
    if draft is not None:
        for name in _SHARED:
            if name in draft and name not in template:
                order[name] = draft[name]
        if "intent" in draft:
            order["intent"] = draft["intent"]
    order["status"] = "draft"
    return order


def without_marks(draft: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of the draft without ratings that belong to what it was."""
    order = dict(draft)
    if "extension" in order:
        kept = [entry for entry in listed(order["extension"]) if entry.get("url") not in _MARKS]
        if kept:
            order["extension"] = kept
        else:
            del order["extension"]
    return order


def marked(
    draft: Mapping[str, Any],
    mark: str,
    finer: Mapping[str, Any] | None,
    consulted: str,
    consult_id: str,
    criterion: str,
) -> dict[str, Any]:
    """The draft with its rating; a consultation that came to the same before keeps its id."""
    codings: list[Mapping[str, Any]] = [{"system": RATING_SYSTEM, "code": mark}]
    if finer:
        codings.append(finer)
    rating = {"url": RATING, "valueCodeableConcept": {"coding": codings}}
    came = listed(draft.get("extension"))
    order = without_marks(draft)
    order["extension"] = [
        *order.get("extension", ()),
        rating,
        {"url": CONSULTED, "valueString": consulted},
        {"url": CONSULT_ID, "valueUri": (_same_consultation(came, rating, criterion) if came else None) or consult_id},
        {"url": CRITERION, "valueUri": criterion},
    ]
    return order


def _same_consultation(came: Iterable[Mapping[str, Any]], rating: Mapping[str, Any], criterion: str) -> Any:
    """The id of the consultation that came to the same, where the order carries one."""
    before = {entry.get("url"): entry for entry in came}
    if before.get(RATING) != rating or before.get(CRITERION, {}).get("valueUri") != criterion:
        return None
    return before.get(CONSULT_ID, {}).get("valueUri")
