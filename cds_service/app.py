"""create_app(): the one place where the parts are put together."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from flask import Blueprint, Flask

from cds_service.clients.authentication import Authenticator
from cds_service.clients.registry import Client, read_clients
from cds_service.endpoints.callers import Authenticate, anyone, guard, with_tokens
from cds_service.endpoints.discovery import discovery
from cds_service.endpoints.feedback import feedback
from cds_service.endpoints.fhir_measures import fhir_measures
from cds_service.endpoints.fhir_metadata import fhir_metadata
from cds_service.endpoints.fhir_plans import fhir_plans
from cds_service.endpoints.gate import Gate
from cds_service.endpoints.hook_calls import CallRules, Shortcut, answer_with, hook_calls
from cds_service.endpoints.logs import CallLog
from cds_service.endpoints.manners import Headers, explain_errors
from cds_service.endpoints.metrics import Metrics, service_metrics
from cds_service.endpoints.offers import Decided, Offer, Offers
from cds_service.endpoints.openapi import describe
from cds_service.endpoints.operators import operators
from cds_service.endpoints.terminology import terminology_operations
from cds_service.fhir.limits import Limits
from cds_service.hooks.feedback import FeedbackEvent
from cds_service.hooks.profiles import ClientProfile
from cds_service.hooks.requests import HookRequest, RequestParser
from cds_service.hooks.services import Service
from cds_service.knowledge.knowledge import Knowledge
from cds_service.knowledge.loading import LoadOptions, load_knowledge
from cds_service.knowledge.services import KnownService
from cds_service.memory.database import Database, MemoryUnavailable, open_database
from cds_service.memory.decisions import DecisionStore, Kept
from cds_service.memory.feedback import FeedbackStore
from cds_service.memory.forms import FormStore
from cds_service.memory.migrations import migrate
from cds_service.memory.sayings import Sayings
from cds_service.memory.tokens import UsedTokens
from cds_service.patient_data.fhir_server import Bounds
from cds_service.patient_data.gather import gather
from cds_service.patient_data.sources import Sources
from cds_service.pipeline import Decision, Manner, decide_on
from cds_service.plans.offers import Site
from cds_service.replay.content_files import digest
from cds_service.replay.recording import Recorder
from cds_service.settings import Settings, default_content
from cds_service.workbench.bench import Bench, Latency
from cds_service.workbench.form_links import FormLinks
from cds_service.workbench.form_pages import Ehrs, form_pages
from cds_service.workbench.forms import Forms
from cds_service.workbench.frame import About
from cds_service.workbench.pages import Door, workbench

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from cds_service.terminology.terminology import Fetch


class Decide(Protocol):
    """Decides a call; advice whose key was said already is not repeated."""

    def __call__(
        self, request: HookRequest, service: KnownService, already_said: frozenset[str] = frozenset(), /
    ) -> Decision: ...


@dataclass(frozen=True, slots=True)
class Keeping:
    """Where a worker process keeps decisions and feedback, and what it has counted."""

    keep: Callable[[str, HookRequest, Decided], None]
    keep_feedback: Callable[[str, ClientProfile, Sequence[FeedbackEvent]], None]
    database: Database
    metrics: Metrics


def _no_pages(_: Keeping) -> Sequence[Blueprint]:
    return ()


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is loaded and checked once, before the worker processes are made, and then shared by all of them."""

    settings: Settings
    offers: Offers
    metrics: Metrics
    clients: dict[str, Client]
    blueprints: tuple[Callable[[], Blueprint], ...] = ()
    pages: Callable[[Keeping], Sequence[Blueprint]] = _no_pages  # for people
    forms: Forms | None = None


def prepare(settings: Settings) -> Prepared:
    """Load everything that can be wrong; a failure here stops the start and says why."""
    check_surroundings(settings)  # quick to find wrong; loading takes longer
    knowledge = load_knowledge(
        content_folders(settings),
        options=LoadOptions(base=settings.canonical, fetch=_value_sets_from_elsewhere(settings)),
    )
    limits = Limits(size=settings.max_body_bytes)
    blueprints = (
        lambda: fhir_metadata(lambda: knowledge, version()),
        lambda: fhir_plans(lambda: knowledge, limits),
        lambda: fhir_measures(lambda: knowledge, limits),
        lambda: terminology_operations(knowledge.terminology, limits),
    )
    forms = forms_of(settings, knowledge)
    decide = decider_of(knowledge, settings, forms)
    offers = offers_of(knowledge, settings, decide if forms is None else _with_answers(decide, forms))
    prepared = prepare_with(settings, offers, blueprints)
    pages = partial(pages_for_people, knowledge, settings, decide, forms)
    return replace(prepared, pages=pages, forms=forms)


def _value_sets_from_elsewhere(settings: Settings) -> Fetch | None:
    if settings.terminology_server is None:
        return None
    from cds_service.terminology.remote import RemoteValueSets, http_get

    return RemoteValueSets(settings.terminology_server, settings.terminology_cache, http_get())


def offers_of(knowledge: Knowledge, settings: Settings, decide: Decide | None = None) -> Offers:
    """The services of the loaded content, each bound to what it decides with."""
    limits = Limits(size=settings.max_body_bytes)
    decided_by = decide or decider_of(knowledge, settings, None)

    answered_by = decided_by if settings.repeat_advice else _saying_once(decided_by)

    def offer(service: KnownService, listed: Service) -> Offer:
        parser = RequestParser(service.hook, knowledge.resource_type, limits)
        return Offer(listed, parser, lambda request: answered_by(request, service))

    return {each.id: offer(each, each.offer) for each in knowledge.services.values() if each.offer is not None}


def _with_answers(decide: Decide, forms: Forms) -> Decide:
    return lambda request, service, said=frozenset(): decide(forms.with_answers(request), service, said)


def _saying_once(decide: Decide) -> Decide:
    """Nothing is said twice between the hooks of one chain; records and ratings are as ever."""
    sayings = Sayings()

    def decide_once(request: HookRequest, service: KnownService, said: frozenset[str] = frozenset(), /) -> Decision:
        chain = (request.client.name, request.hook_instance, request.context.patient_id)
        decision = decide(request, service, said | sayings.by_others(chain, service.id))
        sayings.note(chain, service.id, decision.said)
        return decision

    return decide_once


def decider_of(knowledge: Knowledge, settings: Settings, forms: Forms | None) -> Decide:
    """How calls are decided here: with the loaded content, the allowed sources, and the manner of the site."""
    sources = Sources(settings.fhir_servers, Bounds(seconds=settings.fhir_seconds, size=settings.max_body_bytes))
    consulted = settings.mechanism or f"cds-service {version()}"
    plain = Manner(Site(consulted, partial(_question_url, settings.own_url)), language=settings.language)
    # Reading from a FHIR server waits, deciding computes: calls that compute take turns, or, with many of them, the
    # threads would stand in each other's way and the small things (feedback, health) behind them all.
    turn = threading.Lock()

    def decide(request: HookRequest, service: KnownService, said: frozenset[str] = frozenset(), /) -> Decision:
        facts = gather(request, service.needs, sources, knowledge.reading)
        manner = plain if forms is None else Manner(forms.site(consulted, request), language=settings.language)
        with turn:
            return decide_on(request, service, knowledge, facts, manner, said)

    return decide


def forms_of(settings: Settings, knowledge: Knowledge) -> Forms | None:
    """The form behind question cards; None where the site has none."""
    if settings.form_minutes == 0:
        return None
    secret = settings.form_secret.encode() if settings.form_secret else _secret_of_this_start()
    database = open_database(settings.database_url, durable=False)  # connected at first use, in the worker
    links = FormLinks(secret, settings.own_url, settings.form_minutes * 60)
    return Forms(
        links,
        FormStore(database, secret, most_bytes=settings.form_megabytes * 1_000_000),
        _identity_of_content(settings),
        knowledge.looked_through,
        settings.smart_client is not None,
    )


def _identity_of_content(settings: Settings) -> str:
    """The same for all processes, here and on other machines, that decide alike."""
    elsewhere = secrets.token_hex(8) if settings.terminology_server else ""  # what that says may be different each time
    return f"{version()} {settings.canonical} {digest(content_folders(settings))} {elsewhere}"


@cache
def _secret_of_this_start() -> bytes:
    """Links to forms outlive a reload of the content."""
    return secrets.token_bytes(32)


def pages_for_people(
    knowledge: Knowledge, settings: Settings, decide: Decide, forms: Forms | None, keeping: Keeping
) -> Sequence[Blueprint]:
    """The workbench and the form behind question cards, each where the site has it."""
    about = About("cds-service", version(), f"{len(knowledge.services)} services")
    bench = Bench(
        knowledge=knowledge,
        decide=decide,
        keep=keeping.keep,
        keep_feedback=keeping.keep_feedback,
        database=keeping.database,
        latencies=lambda: (
            Latency(service, *keeping.metrics.durations("cds_call_seconds", service)) for service in knowledge.services
        ),
        folders=content_folders(settings),
        base_url=settings.own_url,
        earlier=settings.earlier_content,
        quality_data=settings.quality_data,
        limits=Limits(size=settings.max_body_bytes),
    )
    found = [workbench(bench, about, Door(settings.workbench_token))] if settings.shows_workbench else []
    if forms is not None:
        found.append(form_pages(bench, about, forms, Ehrs(settings.ehr_origins, settings.smart_client)))
    return found


def content_folders(settings: Settings) -> tuple[Path, ...]:
    """The folders that content is read from: what comes with the code, unless switched off, and the site's own."""
    return (*((default_content(),) if settings.packaged_content else ()), *settings.content)


def _question_url(base: str, questionnaire: str) -> str:
    return f"{base}/fhir/Questionnaire/{questionnaire}"


def prepare_with(settings: Settings, offers: Offers, blueprints: Iterable[Callable[[], Blueprint]] = ()) -> Prepared:
    """The same around services that were made elsewhere."""
    clients = check_surroundings(settings)
    return Prepared(settings, offers, service_metrics(offers, settings.workers), clients, tuple(blueprints))


def check_surroundings(settings: Settings) -> dict[str, Client]:
    """The clients of the site; the database is brought up to date on the way."""
    clients = read_clients(settings.clients, settings.rates_orders) if settings.clients else {}
    database = open_database(settings.database_url)
    migrate(database)
    database.close()  # a connection does not survive the making of worker processes
    return clients


class Application:
    """The service as a WSGI application, with an end: `close` writes what is not yet written."""

    def __init__(self, flask: Flask, gate: Gate, closers: Sequence[Callable[[], object]]) -> None:
        self.flask, self.gate, self._closers = flask, gate, closers

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return self.gate(environ, start_response)

    def close(self) -> None:
        """Write what is queued and let go of the database."""
        for close in self._closers:
            close()


def create_app(prepared: Prepared, worker: int = 0) -> Application:
    """The application of one worker process."""
    settings, offers, metrics = prepared.settings, prepared.offers, prepared.metrics
    metrics.for_worker(worker)
    limits = Limits(size=settings.max_body_bytes)
    rules = CallRules(
        as_of_member=f"{settings.extension_base}.asOf" if settings.allow_as_of else None,
        protects_discovery=settings.discovery_auth,
    )
    feedback_database = open_database(settings.database_url)
    quick_database = open_database(settings.database_url, durable=False)
    feedback_store = FeedbackStore(feedback_database)
    decision_store = DecisionStore(
        quick_database,
        records_member=f"{settings.extension_base}.decisions",
        identifiers=settings.store_identifiers,
        keep_days=settings.keep_days,
        count=lambda fate, number: metrics.add("cds_decisions_total", fate, number),
    )

    def remember(service: str, request: HookRequest, decided: Decided) -> None:
        if prepared.forms is not None and isinstance(decided, Decision):
            prepared.forms.remember(service, request, decided.response, decided.trace.facts)
        if settings.store_decisions:
            decision_store.keep(_kept(service, request, decided))

    def keep_feedback(service: str, client: ClientProfile, events: Sequence[FeedbackEvent]) -> None:
        feedback_store.keep(service, client, events)
        for event in events:
            metrics.add("cds_feedback_total", event.outcome)

    def database_answers() -> bool:
        try:
            feedback_database.run(lambda session: session.execute("SELECT version FROM schema_version"))
        except MemoryUnavailable:
            return False
        return True

    app = Flask("cds_service", static_folder=None)
    app.url_map.strict_slashes = False
    app.json.sort_keys = False  # type: ignore[attr-defined]  # Flask's default provider has it
    explain_errors(app)
    authenticate = _authenticate(prepared)
    services = tuple(offer.service for offer in offers.values())
    description = describe(services, version(), settings.needs_tokens)
    if settings.needs_tokens:
        guard(app, "/fhir", authenticate)
    # blueprints
    app.register_blueprint(discovery(offers, authenticate, rules))
    recorder = _recorder(settings)
    answer = answer_with(offers, authenticate, remember, rules, recorder.record_call if recorder else None)
    app.register_blueprint(hook_calls(answer))
    app.register_blueprint(feedback(offers, authenticate, keep_feedback, limits))
    app.register_blueprint(
        operators(metrics if settings.metrics else None, {"database": database_answers}, description)
    )
    for make in prepared.blueprints:
        app.register_blueprint(make())
    keeping = Keeping(remember, keep_feedback, feedback_database, metrics)
    for pages in prepared.pages(keeping):
        app.register_blueprint(pages)
    log = CallLog(settings.log_level in ("debug", "info"))
    served = Shortcut(app.wsgi_app, offers, answer)
    gate = Gate(served, metrics, log, settings.concurrency, Headers(settings.cors_origins), limits.size)
    closers: list[Callable[[], object]] = [decision_store.flush]
    closers += [prepared.forms.store.flush] if prepared.forms is not None else []
    closers += [recorder.close] if recorder is not None else []
    return Application(app, gate, (*closers, feedback_database.close, quick_database.close))


def version() -> str:
    """The version of this software."""
    return metadata.version("cds-service")


def _recorder(settings: Settings) -> Recorder | None:
    """What records calls for replay, where a site asks for it."""
    if settings.record_calls is None or not settings.record_share:
        return None
    key = settings.record_key.encode() if settings.record_key else secrets.token_bytes(32)
    return Recorder(settings.record_calls, settings.record_share, key)


def _authenticate(prepared: Prepared) -> Authenticate:
    settings = prepared.settings
    if not settings.needs_tokens:
        return anyone(ClientProfile(rates_orders=settings.rates_orders))
    used = UsedTokens(open_database(settings.database_url, durable=False))
    check = Authenticator(prepared.clients, used, audiences=settings.audiences)
    return with_tokens(check, settings.public_url)


def _kept(service: str, request: HookRequest, decided: Decided) -> Kept:
    return Kept(
        call_id=request.call_id,
        at=request.received or request.as_of,
        service=service,
        hook=request.hook,
        client=request.client.name,
        plans=decided.plans,
        response=decided.response,
        patient=request.context.patient_id,
    )
