"""One item in, one result out, through the very pipeline that answers live calls."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import msgspec

from cds_service.errors import CdsError
from cds_service.fhir.limits import Limits
from cds_service.hooks.cards import Card
from cds_service.hooks.identifiers import derive_uuid
from cds_service.hooks.requests import Arrival, HookRequest, RequestParser
from cds_service.knowledge.knowledge import Knowledge
from cds_service.knowledge.services import KnownService
from cds_service.patient_data.sources import Sources
from cds_service.pipeline import Decision, Manner, decide
from cds_service.replay.charts import can_tell, chart_of, compose_request, make_request, read_chart, scene_of
from cds_service.replay.failures import BrokenItem
from cds_service.replay.files import LONGEST
from cds_service.replay.inputs import Item
from cds_service.replay.results import CardLine, Failure, Result
from cds_service.replay.strictness import faults


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What is said about all calls at once."""

    as_of: datetime | None = None
    """The decision time of every call; None: the one that is recorded, else the beginning of the run."""
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    hook: str | None = None
    """The hook that charts are taken for."""
    service: str | None = None
    orders: tuple[str, ...] = ()
    strict: bool = False
    """Whether every resource is checked with fhir.resources too."""


class _Peek(msgspec.Struct):
    resourceType: Any = None
    hook: Any = None
    request: msgspec.Raw = msgspec.Raw()
    service: Any = None
    asOf: Any = None
    expect: Any = None
    timestamp: Any = None


_peek = msgspec.json.Decoder(_Peek)
_BUNDLE = b'{"resourceType":"Bundle",'


class Runner:
    """Runs items against one version of the content; compiled once, used for all."""

    def __init__(self, knowledge: Knowledge, options: RunOptions, manner: Manner | None = None) -> None:
        self.knowledge, self.options, self.manner = knowledge, options, manner or Manner()
        self._sources = Sources()  # a replay reads what was recorded, and never a server
        self._parsers: dict[str, RequestParser] = {}
        self._limits = Limits(size=LONGEST)
        self._can_tell = can_tell(knowledge.reading.decoder)
        hooks = {service.hook for service in knowledge.services.values()}
        self._by_hook = {hook: knowledge.service_for(hook) for hook in hooks}
        self._records = f"{knowledge.namespace}.decisions"
        self._as_of_member = f"{knowledge.namespace}.asOf"

    def run(self, item: Item) -> Result:
        """The result of an item; whatever is wrong with it is in the result."""
        start = time.perf_counter()
        try:
            call = self.call(item)
        except CdsError as error:
            return Result(item.place, failure=_failure(error))
        try:
            decision = self.decide(call)
        except CdsError as error:
            return self._result(item, call, failure=_failure(error))
        except Exception as error:  # noqa: BLE001  # a bug met by one patient of a million must not end the run
            return self._result(item, call, failure=Failure("internal", type(error).__name__))
        elapsed = (time.perf_counter() - start) * 1000
        response, facts = decision.response, decision.trace.facts
        return self._result(
            item,
            call,
            plans=decision.plans,
            records=tuple(response.extension.get(self._records, ())),
            cards=tuple([_card_line(card) for card in response.cards]) if response.cards else (),
            set_aside=tuple([f"{bad.type_name}/{bad.id}: {bad.path}" for bad in facts.set_aside]),
            unreadable=facts.unreadable(),
            milliseconds=round(elapsed, 3),
        )

    def _result(self, item: Item, call: Call, **found: Any) -> Result:
        request = call.request
        return Result(
            id=item.place,
            service=call.service.id,
            hook=request.hook,
            patient=request.context.patient_id,
            as_of=_text_of(request.as_of, request.as_of.utcoffset()),
            expected=call.expected,
            invalid=faults(item.body) if self.options.strict else (),
            **found,
        )

    def decide(self, call: Call) -> Decision:
        """The decision on a call."""
        return decide(call.request, call.service, self.knowledge, self._sources, self.manner)

    def call(self, item: Item) -> Call:
        """The call that an item is."""
        if item.fault is not None:
            raise BrokenItem(f"The item {item.fault}.")
        if item.body.startswith(_BUNDLE):  # as most are written: no need to look for what else it could be
            return self._chart(item, item.body, None, None, ())
        try:
            peek = _peek.decode(item.body)
        except msgspec.DecodeError:
            raise BrokenItem("The item is no JSON object.") from None
        except RecursionError:
            raise BrokenItem("The item is nested too deep.") from None
        body: bytes | msgspec.Raw = item.body
        recorded, service_id, expected = peek.asOf, peek.service, peek.expect
        if bytes(peek.request)[:1] == b"{":
            body = peek.request
            peek = _peek.decode(body)
        if isinstance(peek.hook, str):
            service = self._service(service_id, peek.hook)
        elif peek.resourceType == "Bundle":
            return self._chart(item, body, service_id, recorded, _expected(expected))
        else:
            raise BrokenItem("The item is neither a hook request nor a Bundle.")
        text = bytes(body)
        arrival = self._arrival(item.place, recorded)
        if recorded is not None:
            # The moment that the call was decided at outranks what its sender wished for.
            arrival = msgspec.structs.replace(arrival, as_of_member=None)
        request = self._parser(service).parse(text, arrival)
        return Call(request, service, lambda: text, _expected(expected))

    def _chart(
        self,
        item: Item,
        body: bytes | msgspec.Raw,
        service_id: object,
        recorded: object,
        expected: tuple[dict[str, Any], ...],
    ) -> Call:
        decoder = self.knowledge.reading.decoder
        bundle = decoder.whole(body) if self._can_tell else None
        chart = read_chart(body) if bundle is None else chart_of(body, bundle)
        service = self._service(service_id, self.options.hook or chart.likely_hook(self.options.orders))
        scene = scene_of(chart, service.hook, self.options.orders)
        arrival = self._arrival(item.place, recorded or chart.timestamp)
        if bundle is None:
            request = self._parser(service).parse(compose_request(chart, scene, service.needs), arrival)
        else:
            request = make_request(chart, scene, service.needs, decoder, arrival)
        return Call(request, service, lambda: compose_request(read_chart(body), scene, service.needs), expected)

    def _arrival(self, place: str, recorded: object) -> Arrival:
        call_id = derive_uuid("replay", place)
        if self.options.as_of is not None:
            return Arrival(self.options.as_of, call_id)
        return Arrival(_moment(recorded) or self.options.started, call_id, as_of_member=self._as_of_member)

    def _service(self, service_id: object, hook: str) -> KnownService:
        wanted = self.options.service or (service_id if isinstance(service_id, str) else None)
        found = self.knowledge.services.get(wanted) if wanted else self._by_hook.get(hook)
        if found is None:
            raise BrokenItem(f"No service answers {wanted or f'the hook {hook[:64]}'}.")
        return found

    def _parser(self, service: KnownService) -> RequestParser:
        parser = self._parsers.get(service.hook)
        if parser is None:
            parser = self._parsers[service.hook] = RequestParser(
                service.hook, self.knowledge.resource_type, self._limits
            )
        return parser


class Call(msgspec.Struct, frozen=True):
    """A request, the service that it is for, and what it should come to."""

    request: HookRequest
    service: KnownService
    body: Callable[[], bytes]
    """The request as it would be sent."""
    expected: tuple[dict[str, Any], ...] = ()


@lru_cache(maxsize=1024)
def _text_of(moment: datetime, _offset: timedelta | None) -> str:
    """A moment as text; most calls of a run share theirs. The same moment has another text in another time zone."""
    return moment.isoformat()


def _card_line(card: Card) -> CardLine:
    labels = tuple([suggestion.label for suggestion in card.suggestions])
    return CardLine(card.summary, card.indicator, card.detail, labels)


def card_lines(answer: Mapping[str, Any]) -> tuple[CardLine, ...]:
    """The cards of an answer, without what differs at every call."""
    return tuple(
        CardLine(
            summary=card.get("summary", ""),
            indicator=card.get("indicator", ""),
            detail=card.get("detail", ""),
            suggestions=tuple(suggestion.get("label", "") for suggestion in card.get("suggestions", ())),
        )
        for card in answer.get("cards", ())
    )


def _failure(error: CdsError) -> Failure:
    return Failure(error.code, error.what)


def _moment(recorded: object) -> datetime | None:
    if recorded is None:
        return None
    try:
        moment = datetime.fromisoformat(recorded if isinstance(recorded, str) else "")
    except ValueError:
        raise BrokenItem("The decision time is no date and time.") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _expected(expect: object) -> tuple[dict[str, Any], ...]:
    if isinstance(expect, dict):
        return (expect,)
    return tuple(each for each in expect if isinstance(each, dict)) if isinstance(expect, list) else ()
