"""The facts for one call: what the client sent, what its server adds, and what neither could give."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from cds_service.facts.availability import ABSENT, PARTIAL, UNOBTAINABLE, VALUE, Availability, combine
from cds_service.facts.belonging import is_patient, of_patient
from cds_service.facts.derived import TextEvidence
from cds_service.facts.facts import Facts
from cds_service.facts.groups import CodeGroups
from cds_service.facts.origins import Batch, Origin
from cds_service.fhir.model.types import r4
from cds_service.fhir.references import parse_reference
from cds_service.fhir.structs.decoding import Decoded, Decoder, SetAside
from cds_service.fhir.structs.flavours import Struct
from cds_service.hooks.refusals import UnmetNeed
from cds_service.hooks.requests import HookRequest
from cds_service.patient_data.fhir_server import Budget, FhirServer, NotObtained
from cds_service.patient_data.needs import Need, render
from cds_service.patient_data.path_tokens import PathTokens
from cds_service.patient_data.prefetched import (
    NONE_RECORDED,
    NOT_OBTAINABLE,
    NOT_SENT,
    Answer,
    judge,
    read_prefetched,
)
from cds_service.patient_data.scopes import Grant, grant
from cds_service.patient_data.sources import Sources

_MOST_DRUGS = 50
_FHIR_ID = re.compile(r"(?!\.+$)[A-Za-z0-9\-.]{1,64}")


@dataclass(frozen=True, slots=True)
class Reading:
    """How resources are read and indexed; made at load from what the logic reads, and shared by all calls."""

    decoder: Decoder
    groups: CodeGroups
    texts: TextEvidence | None = None


@dataclass(frozen=True, slots=True)
class _Job:
    """One thing to ask the server for, and the answer so far that it continues."""

    need: Need
    grant: Grant
    run: Callable[[], list[Decoded]]
    before: Answer = NOT_SENT


def gather(request: HookRequest, needs: Sequence[Need], sources: Sources, reading: Reading) -> Facts:
    """The facts of the patient of a call; `UnmetNeed` when required data, or none at all, could be had."""
    drafts = [draft.decoded for draft in request.context.resources if draft.decoded is not None]
    answers, checked = read_prefetched(request.prefetch, needs, reading.decoder, drafts)
    for need in needs:
        if need.type_name == "Patient" and _is_another(request, answers[need.key]):
            answers[need.key] = NOT_SENT
    final = answers
    fetched: dict[str, Answer] = {}
    server = sources.server(request, reading.decoder)
    if server is not None:
        fetched = _fetch(request, [(need, answers[need.key]) for need in needs], server, sources)
        needs = [*needs, *(Need(key, key) for key in fetched if key not in answers)]
        final = {**answers, **fetched}
    unmet = tuple([need.key for need in needs if need.required and _is_unmet(final[need.key])])
    if not unmet:
        unmet = _nothing_had(request, needs, final)
    if unmet:
        raise UnmetNeed(
            f"Data that are needed could not be had: prefetch {', '.join(unmet)}.",
            keys=unmet,
            remedy="Send them as prefetch, or a fhirServer and an access token that allow reading them.",
        )
    batches, states, set_aside = _summed_up(needs, final, fetched)
    if request.said:
        batches.append(Batch(reading.decoder.collect(request.said).resources, Origin("said")))
    context, own, bad = _context(request, reading.decoder, checked)
    batches += [Batch(members, Origin("context", member)) for member, members in own.items()]
    return Facts(
        batches,
        as_of=request.as_of,
        patient_id=request.context.patient_id,
        context=context,
        availability=states,
        set_aside=[*set_aside, *bad],
        groups=reading.groups,
        texts=reading.texts,
    )


def _is_another(request: HookRequest, answer: Answer) -> bool:
    """Whether an answer to a need for the Patient is not the one that this call is about: as good as nothing."""
    if answer.state is not VALUE:
        return False
    patient = request.context.patient_id
    return not any(is_patient(resource, patient) for page in answer.pages for resource in page.resources)


def _is_unmet(answer: Answer) -> bool:
    return answer.state in (ABSENT, UNOBTAINABLE) and not answer.set_aside


def _nothing_had(request: HookRequest, needs: Sequence[Need], final: Mapping[str, Answer]) -> tuple[str, ...]:
    """All keys, when none of them could be had: advice rests on something, and silence would read as "no objection"."""
    if not needs or not _is_unmet(final[needs[0].key]):
        return ()
    tokens = request.context.tokens()
    asked = [need for need in needs if render(need.template, tokens) is not None]
    return tuple(need.key for need in asked) if all(_is_unmet(final[need.key]) for need in asked) else ()


# -- the server -----------------------------------------------------------------------------------------------------


def _fetch(
    request: HookRequest, asked: Sequence[tuple[Need, Answer]], server: FhirServer, sources: Sources
) -> dict[str, Answer]:
    """What the server adds: keys that were not sent, and further pages of those that were."""
    budget = sources.budget()
    tokens = request.context.tokens()
    known: dict[str, Answer] = {}
    answers: dict[str, Answer] = {}
    jobs: list[_Job] = []
    waiting: list[tuple[Need, Answer]] = []
    for need, before in asked:
        known[need.key] = before
        if not need.is_plain and before.state is ABSENT:
            waiting.append((need, before))
            continue
        job = _job(request, need, before, server, budget, tokens)
        if isinstance(job, Answer):
            answers[need.key] = job
        elif job is not None:
            jobs.append(job)
    answers |= _do(request, jobs, sources, budget)
    if waiting:
        # These may refer to the results of those before them, so they come one after the other.
        paths = PathTokens(request)
        for need, before in waiting:
            paths.learn({**known, **answers})
            job = _job(request, need, before, server, budget, paths.values(need))
            answers |= (
                {need.key: job} if isinstance(job, Answer) else _do(request, [job] if job else [], sources, budget)
            )
    named = [
        job
        for need in _named_only(request, [need for need, _ in asked], {**known, **answers})
        if isinstance(job := _job(request, need, NOT_SENT, server, budget, tokens), _Job)
    ]
    return answers | {key: answer for key, answer in _do(request, named, sources, budget).items() if answer.pages}


def _named_only(request: HookRequest, needs: Sequence[Need], had: Mapping[str, Answer]) -> Iterator[Need]:
    """Reads of what is named by reference only (orders, who performs them, drugs) and no search has found."""
    kinds = {need.type_name for need in needs}
    found = {
        f"{resource.fhir_type}/{resource.id}"  # type: ignore[attr-defined]
        for answer in had.values()
        for page in answer.pages
        for resource in page.resources
    }
    context = request.context
    for text in dict.fromkeys((*context.dispatched_orders, *filter(None, [context.performer]))):
        reference = parse_reference(text)
        relative = reference.relative
        readable = reference.base is None and reference.type in kinds and _FHIR_ID.fullmatch(reference.id or "")
        if relative and readable and relative not in found:
            yield Need(relative, relative)
    drugs = dict.fromkeys(_drugs_named(had.values()))
    wanted = [ident for ident in drugs if f"Medication/{ident}" not in found][:_MOST_DRUGS]
    if wanted:
        yield Need("medication", f"Medication?_id={','.join(wanted)}")


def _drugs_named(answers: Iterable[Answer]) -> Iterator[str]:
    """The ids of the Medications that prescriptions and medication entries refer to instead of naming the drug."""
    for answer in answers:
        for page in answer.pages:
            for resource in page.resources:
                said = getattr(getattr(resource, "medicationReference", None), "reference", None)
                reference = parse_reference(said) if said else None
                if reference is not None and reference.type == "Medication" and _FHIR_ID.fullmatch(reference.id or ""):
                    yield reference.id or ""


def _do(request: HookRequest, jobs: Sequence[_Job], sources: Sources, budget: Budget) -> dict[str, Answer]:
    """Ask the server, side by side; what came of each."""
    answers: dict[str, Answer] = {}
    for job, result in zip(jobs, sources.fetch_all([job.run for job in jobs], budget), strict=True):
        if isinstance(result, NotObtained):
            answers[job.need.key] = job.before if job.before.pages else NOT_OBTAINABLE
            continue
        answer = judge([*job.before.pages, *result], job.need)
        if answer is NOT_SENT or (job.need.type_name == "Patient" and _is_another(request, answer)):
            answer = NOT_OBTAINABLE  # the server sent something else than asked
        if job.grant is Grant.PART and answer.state.is_complete:
            answer = Answer(PARTIAL, answer.pages)
        answers[job.need.key] = answer
    return answers


def _job(
    request: HookRequest, need: Need, before: Answer, server: FhirServer, budget: Budget, tokens: Mapping[str, str]
) -> _Job | Answer | None:
    more = before.next_link
    if before.state is not ABSENT and more is None:
        return None
    granted = _grant(request, need)
    if granted is Grant.NONE:
        return before if more is not None else NOT_OBTAINABLE
    if more is not None:
        if not server.is_ours(more):
            return None
        return _Job(need, granted, partial(server.follow, more, budget), before)
    relative = render(need.template, tokens)
    if relative is None:
        # What the template asks about (an encounter, say) does not exist in this call.
        return NONE_RECORDED
    return _Job(need, granted, partial(server.read, relative, budget))


def _grant(request: HookRequest, need: Need) -> Grant:
    authorization = request.fhir_authorization
    if authorization is None:
        return Grant.ALL
    bound = authorization.patient
    return grant(
        authorization.scope,
        need.type_name,
        is_read=need.is_read,
        query=frozenset(need.template.partition("?")[2].split("&")),
        same_patient=bound is None or bound.removeprefix("Patient/") == request.context.patient_id,
    )


# -- what it comes to -----------------------------------------------------------------------------------------------


def _summed_up(
    needs: Sequence[Need], answers: Mapping[str, Answer], fetched: Mapping[str, Answer]
) -> tuple[list[Batch], dict[str, Availability], list[SetAside]]:
    """The resources with their origin, how much of each type could be had, and what was set aside under which key."""
    batches: list[Batch] = []
    states: dict[str, Availability] = {}
    set_aside: list[SetAside] = []
    for need in needs:
        key, type_name, answer = need.key, need.type_name, answers[need.key]
        states[type_name] = combine((states[type_name], answer.state)) if type_name in states else answer.state
        for page in answer.pages:
            if page.resources:
                origin = Origin("server" if key in fetched else "prefetch", key)
                batches.append(Batch(page.resources, origin, page.entries, page.groups))
            # A nameless one counts as of the type that was asked for.
            for bad in page.set_aside:
                named = bad.type_name if _is_kind(bad.type_name) else type_name
                set_aside.append(replace(bad, key=key, type_name=named))
    return batches, states, set_aside


def _is_kind(name: str | None) -> bool:
    """Whether a name is that of a type whose resources are facts."""
    return name is not None and name != "Bundle" and r4().is_resource(name)


def _context(
    request: HookRequest, decoder: Decoder, checked: Iterable[Decoded]
) -> tuple[dict[str, object], dict[str, list[Struct]], list[SetAside]]:
    """The context for the logic: its simple members, and its resources (of this patient) by the member they came in."""
    sent = request.context
    members: dict[str, list[Struct]] = {}
    bad: list[SetAside] = []
    pages = iter(checked)  # of those that were decoded with the request
    for draft in sent.resources:
        found = members.setdefault(draft.member, [])
        page = decoder.collect(draft.raw, flatten=False) if draft.decoded is None else next(pages)
        bad += [replace(fault, key=draft.member) for fault in page.set_aside]
        found += of_patient(page.resources, sent.patient_id, dict)
    context: dict[str, object] = {
        **sent.fields,
        "patientId": sent.patient_id,
        "userId": sent.user_id,
        "encounterId": sent.encounter_id,
        "selections": sent.selections,
        "dispatchedOrders": sent.dispatched_orders,
        "performer": sent.performer,
    }
    for member, found in members.items():
        context[member] = tuple(found)
    return context, {member: found for member, found in members.items() if found}, bad
