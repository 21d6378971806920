"""Results to compare and count, made short."""

from __future__ import annotations

from typing import Any

from cds_service.replay.results import CardLine, Failure, Result


def record(status: str = "decided", **members: Any) -> dict[str, Any]:
    return {"order": "ServiceRequest/o1", "status": status, "indicator": "info", **members}


def result(
    *records: dict[str, Any], ident: str = "a:1", cards: Any = (), failure: str | None = None, **rest: Any
) -> Result:
    return Result(
        id=ident,
        service="s",
        records=records,
        cards=tuple(CardLine(*card) for card in cards),
        failure=Failure(failure, "It broke.") if failure else None,
        **rest,
    )
