"""Services without medicine: what the edge needs to be tested when no plan is involved."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from cds_service.endpoints.offers import Offer, Offers
from cds_service.fhir.limits import Limits
from cds_service.fhir.structs.decoding import Decoder
from cds_service.fhir.structs.flavours import lean
from cds_service.hooks.cards import Action, Card, CardOrigin, Coding, Response, Source, Suggestion
from cds_service.hooks.identifiers import derive_uuid
from cds_service.hooks.refusals import UnmetNeed
from cds_service.hooks.requests import HookRequest, RequestParser
from cds_service.hooks.services import Service

PLAN = "https://cds-service.example/fhir/PlanDefinition/hello|1.0.0"
SOURCE = Source("Hello plan", topic=Coding("hello", "https://cds-service.example/fhir/CodeSystem/card-topics"))
RATING = "http://fhir.org/argonaut/Extension/pama-rating"


@dataclass(frozen=True, slots=True)
class Said:
    """A decision made by hand."""

    response: Response
    plans: tuple[str, ...] = (PLAN,)


def greet(request: HookRequest) -> Said:
    """One card for the patient."""
    card = Card(
        uuid=derive_uuid(request.call_id, "card"),
        summary="Hello: this patient is known",
        indicator="info",
        source=SOURCE,
        detail=f"As of {request.as_of.isoformat()}.",
        origin=CardOrigin(PLAN, "greeting"),
    )
    return Said(Response(cards=(card,)))


def rate(request: HookRequest) -> Said:
    """A card and a rating for each order that is a ServiceRequest of this patient."""
    cards, actions, records = [], [], []
    orders = request.context.selected_orders if request.hook == "order-select" else request.context.draft_orders
    for order in orders:
        if order.type != "ServiceRequest":
            continue
        draft = order.json()
        draft["extension"] = [*draft.get("extension", []), {"url": RATING, "valueString": "hello"}]
        suggestion = Suggestion("Keep", derive_uuid(request.call_id, order.reference, "keep"))
        cards.append(
            Card(
                uuid=derive_uuid(request.call_id, order.reference),
                summary="Order seen",
                indicator="warning",
                source=SOURCE,
                suggestions=(suggestion,),
                associated=(order.reference,),
                origin=CardOrigin(PLAN, "order"),
            )
        )
        actions.append(Action.update("Record that the order was seen", draft))
        evidence = [{"fact": "seen", "value": True, "from": [order.reference]}]
        records.append({"order": order.reference, "status": "decided", "evidence": evidence, "info": []})
    extension = {"example.cds-service.decisions": records}
    return Said(Response(tuple(cards), tuple(actions), extension))


def say_nothing(_request: HookRequest) -> Said:
    """No advice."""
    return Said(Response())


def need(request: HookRequest) -> Said:
    """Refuse unless the key `patient` was answered."""
    if "patient" not in request.prefetch:
        raise UnmetNeed("The prefetch key patient is missing and no FHIR server can be asked.", keys=("patient",))
    return say_nothing(request)


def fail(request: HookRequest) -> Said:
    """Break, with patient data in the message of the error."""
    raise RuntimeError(f"patient {request.context.patient_id} has a secret")


def dawdle(request: HookRequest) -> Said:
    """Take a while."""
    time.sleep(0.3)
    return say_nothing(request)


DECIDERS: dict[str, tuple[str, Callable[[HookRequest], Said]]] = {
    "hello-patient-view": ("patient-view", greet),
    "hello-order-select": ("order-select", rate),
    "hello-order-sign": ("order-sign", rate),
    "hello-order-dispatch": ("order-dispatch", say_nothing),
    "hello-appointment-book": ("appointment-book", say_nothing),
    "hello-encounter-discharge": ("encounter-discharge", say_nothing),
    "hello-problem": ("problem-list-item-create", say_nothing),
    "hello-own-hook": ("org.example.round-start", say_nothing),
    "hello-need": ("patient-view", need),
    "hello-fail": ("patient-view", fail),
    "hello-slow": ("patient-view", dawdle),
}
READS = {"Patient": frozenset({"birthDate", "gender"}), "Condition": frozenset({"code", "clinicalStatus"})}


def offers(limits: Limits | None = None) -> Offers:
    """The services, each with a parser that decodes prefetch as the real ones do."""
    resources = Decoder(lean(READS)).union
    return {
        name: Offer(
            Service(
                id=name,
                hook=hook,
                title=f"Hello, {hook}",
                description="Proves the way.",
                prefetch={"patient": "Patient/{{context.patientId}}"},
                usage_requirements="FHIR R4.",
            ),
            RequestParser(hook, resources, limits),
            decide,
        )
        for name, (hook, decide) in DECIDERS.items()
    }
