"""The services as the endpoints see them: what each says of itself, how its requests are read, and who decides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from cds_service.hooks.cards import Response
from cds_service.hooks.requests import HookRequest, RequestParser
from cds_service.hooks.services import Service


class Decided(Protocol):
    """What a decision must offer to be answered and remembered."""

    @property
    def response(self) -> Response:
        """The answer."""

    @property
    def plans(self) -> tuple[str, ...]:
        """Canonicals (`url|version`) of the plans that were applied."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One service, ready to be called."""

    service: Service
    parser: RequestParser
    decide: Callable[[HookRequest], Decided]


Offers = Mapping[str, Offer]
