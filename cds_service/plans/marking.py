"""Ratings on orders: which one goes on an order, and what it says it was made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cds_service.plans.deciding import OrderJudgement
from cds_service.plans.knowhow import Knowhow
from cds_service.plans.offers import Site
from cds_service.plans.orders import DraftOrder, marked


def criterion_of(judged: OrderJudgement, knowhow: Knowhow) -> str:
    """What the rating was made from: the plan, and the scenario within it."""
    record = judged.record
    url = (record.plan or knowhow.policy.plan.canonical).partition("|")[0]
    return f"{url}#{record.primary}" if record.primary else url


def order_mark(
    judged: OrderJudgement, knowhow: Knowhow, draft: DraftOrder, site: Site, consult: Callable[[], str]
) -> Mapping[str, Any] | None:
    """The draft with its rating; None where no rating goes on it. `consult` gives the id of the consultation."""
    record, policy = judged.record, knowhow.policy
    marks = policy.marks
    if marks is None or record.procedure is None or not draft.struct.id or not knowhow.is_marked(record.procedure):
        return None
    if record.rating:
        meaning = policy.rating_meanings.get(record.rating)
        mark = meaning.mark if meaning else ""
    else:
        mark = marks.by_status.get(record.status, "")
    if not mark:
        return None
    finer = {"system": policy.ratings, "code": record.rating} if record.rating else None
    return marked(draft.json, mark, finer, site.consulted, f"urn:uuid:{consult()}", criterion_of(judged, knowhow))
