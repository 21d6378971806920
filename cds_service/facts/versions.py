"""Of several copies of one resource, the newest."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import msgspec

from cds_service.fhir.structs.flavours import Struct
from cds_service.values.date_texts import parse_datetime

_by_id = attrgetter("id")


class Meta(msgspec.Struct, frozen=True):
    """What tells copies of a resource apart."""

    versionId: str | None = None
    lastUpdated: str | None = None


_meta = msgspec.json.Decoder(Meta | None)


def meta_of(resource: Any) -> Any:
    """The Meta of a resource, which is read only now unless logic reads it too; None where it cannot be read."""
    meta = resource.meta
    if not isinstance(meta, msgspec.Raw):
        return meta
    try:
        return _meta.decode(meta)
    except msgspec.DecodeError:
        return None


def latest_versions(members: Sequence[Struct]) -> Sequence[Struct]:
    """The resources (of one type), each id once; those without an id are all kept."""
    if len(members) == 1 or len(set(map(_by_id, members))) == len(members):
        return members
    newest: dict[str, Struct] = {}
    nameless: list[Struct] = []
    for member in members:
        ident: str | None = member.id  # type: ignore[attr-defined]
        if ident is None:
            nameless.append(member)
        elif ident not in newest or is_newer(member, newest[ident]):
            newest[ident] = member
    return [*newest.values(), *nameless]


def is_newer(candidate: Any, held: Any) -> bool:
    """Whether a copy was updated later than another; where that is not said, by version number; else it is not."""
    first, second = meta_of(candidate), meta_of(held)
    if first is None or second is None:
        return first is not None and second is None
    one, other = _instant(first.lastUpdated), _instant(second.lastUpdated)
    if one is not None and other is not None and one != other:
        return one > other
    if first.versionId and second.versionId and first.versionId.isdigit() and second.versionId.isdigit():
        return int(first.versionId) > int(second.versionId)
    return False


def _instant(text: str | None) -> int | None:
    """Milliseconds of a moment; a coarser one counts from its beginning, as servers cut off what is zero."""
    moment = parse_datetime(text)
    return None if moment is None else moment.instant - (moment.offset or 0) * 60_000
