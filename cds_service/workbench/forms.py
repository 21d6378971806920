"""The form behind question cards as live calls see it: links, the calls behind them, and answers taken into account."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from msgspec.structs import replace

from cds_service.facts.facts import Facts
from cds_service.hooks.cards import Response
from cds_service.hooks.rendering import encode_json
from cds_service.hooks.requests import HookRequest
from cds_service.hooks.rewriting import rewritten
from cds_service.hooks.text import moment_text
from cds_service.memory.database import MemoryUnavailable
from cds_service.memory.forms import FormStore, KeptCall, Whom
from cds_service.plans.offers import Site
from cds_service.workbench.form_links import FormLinks

_log = logging.getLogger(__name__)

_SMALL = 32_000  # bytes that cost less to keep than to write anew


@dataclass(frozen=True, slots=True)
class Forms:
    """What a site that has the form does with every call."""

    links: FormLinks
    store: FormStore
    content: str  # which content decides: a call that is not kept whole can only be decided with the same again
    looked_through: frozenset[str]  # types of resources of which every one may matter
    is_launched: bool = False  # as a SMART app of the EHR

    def site(self, consulted: str, request: HookRequest) -> Site:
        """What the installation says on the cards of a call."""
        if not self.is_launched:
            return Site(consulted, self.links.links_of(request.call_id, request.received))
        handle_of = self.links.handles_of(request.call_id, request.received)
        return Site(consulted, lambda _questionnaire: self.links.launch_url, handle_of)

    def remember(self, service: str, request: HookRequest, response: Response, facts: Facts) -> None:
        """Keep a call whose cards lead to the form, for as long as the link opens: of a large one what matters."""
        if not self.links.are_on(response):
            return
        received = request.received or request.as_of
        body, content = request.body, ""
        if len(body) > _SMALL:
            unsought = facts.unsought(self.looked_through)
            shorter = None if unsought is None else rewritten(request, unsought)
            if shorter is not None:
                body, content = shorter, self.content
        call = KeptCall(service, moment_text(request.as_of), request.client.name, body, content)
        self.store.keep(request.call_id, call, int(received.timestamp()) + self.links.seconds)

    def with_answers(self, request: HookRequest) -> HookRequest:
        """The call with what was answered about its patient in a form a while ago."""
        try:
            if not self.store.anything_answered():
                return request
            found = self.store.filed(Whom(request.client.name, request.fhir_server, request.context.patient_id))
        except MemoryUnavailable as error:
            _log.warning("answers of forms could not be read: %s", error.what, extra={"id": request.call_id})
            return request
        if not found:
            return request
        named = [{**one, "id": f"answer-{number}"} for number, one in enumerate(found, 1)]
        entries = [{"resource": resource} for resource in named]
        bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
        return replace(request, said=encode_json(bundle))
