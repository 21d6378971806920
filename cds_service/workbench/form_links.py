"""Links to the form behind a question card: signed and expiring handles that say nothing about a patient.

A handle names a call (a random id), the questions, and the moment until which it opens; a tag made with the secret of
the site seals all three. The call itself stays with the service (`memory.forms`).
"""

from __future__ import annotations

import base64
import binascii
import hmac
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b

from cds_service.errors import CdsError
from cds_service.hooks.cards import Response

PATH = "/form/"
_TAG = 16
_ID = 16
_EXPIRES = 5
_LONGEST = 256


class FormClosed(CdsError):
    """A link to a form that is not ours, was changed, or is too old."""

    code = "form-closed"
    status = 404


@dataclass(frozen=True, slots=True)
class Handle:
    """What a link says: the call, the Questionnaire that it asks, and until when (seconds of the epoch)."""

    call_id: str
    questionnaire: str
    expires: int


@dataclass(frozen=True, slots=True)
class FormLinks:
    """Makes and opens links to forms."""

    key: bytes = field(repr=False)
    base_url: str
    seconds: int
    clock: Callable[[], float] = time.time
    secret: bytes = field(init=False, repr=False, compare=False)  # of links, and of the length that the tag takes

    def __post_init__(self) -> None:
        object.__setattr__(self, "secret", blake2b(self.key, person=b"form link").digest())

    def links_of(self, call_id: str, received: datetime | None) -> Callable[[str], str | None]:
        """For one call: the address of the form that asks a Questionnaire."""
        handle_of = self.handles_of(call_id, received)

        def link(questionnaire: str) -> str | None:
            handle = handle_of(questionnaire)
            return f"{self.base_url}{PATH}{handle}" if handle else None

        return link

    def handles_of(self, call_id: str, received: datetime | None) -> Callable[[str], str | None]:
        """For one call: the handle of the form that asks a Questionnaire."""

        def handle(questionnaire: str) -> str | None:
            call = _bytes_of(call_id)
            if call is None:
                return None  # a call that did not come through the gate: nothing could be found again
            begun = received.timestamp() if received is not None else self.clock()
            return self._text(call, questionnaire, int(begun) + self.seconds)

        return handle

    @property
    def launch_url(self) -> str:
        """Where an EHR launches the form as a SMART app."""
        return f"{self.base_url}{PATH}launch"

    def text_of(self, handle: Handle) -> str:
        """The handle as it stands in an address."""
        return self._text(uuid.UUID(handle.call_id).bytes, handle.questionnaire, handle.expires)

    def _text(self, call: bytes, questionnaire: str, expires: int) -> str:
        told = call + expires.to_bytes(_EXPIRES) + questionnaire.encode()
        return base64.urlsafe_b64encode(self._tag(told) + told).rstrip(b"=").decode()

    def open(self, text: str) -> Handle:
        """What a handle says, if it is whole, ours, and not too old."""
        if len(text) > _LONGEST:
            raise FormClosed("This link is not one of ours.")
        try:
            sealed = base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4))
        except (binascii.Error, ValueError):
            raise FormClosed("This link is not one of ours.") from None
        tag, told = sealed[:_TAG], sealed[_TAG:]
        if not hmac.compare_digest(tag, self._tag(told)) or len(told) < _ID + _EXPIRES:
            raise FormClosed("This link is not one of ours.", remedy="Open the form from the card again.")
        handle = Handle(
            str(uuid.UUID(bytes=told[:_ID])),
            told[_ID + _EXPIRES :].decode(),
            int.from_bytes(told[_ID : _ID + _EXPIRES]),
        )
        if handle.expires < self.clock():
            raise FormClosed("This link has expired.", remedy="Call up the advice again; its card has a new link.")
        return handle

    def are_on(self, response: Response) -> bool:
        """Whether any card of an answer leads to a form."""
        start = f"{self.base_url}{PATH}"
        for card in response.cards:
            for link in card.links:
                if link.url.startswith(start):
                    return True
        return False

    def _tag(self, told: bytes) -> bytes:
        return blake2b(told, digest_size=_TAG, key=self.secret).digest()


def _bytes_of(call_id: str) -> bytes | None:
    try:
        told = bytes.fromhex(call_id.replace("-", ""))
    except ValueError:
        return None
    return told if len(told) == _ID else None
