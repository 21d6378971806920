"""Results as a Parquet table: a row for each decision, the lists of ids as lists."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from cds_service.replay.failures import ReplayError
from cds_service.replay.results import Result

_BATCH = 5_000
_SINGLE = (
    "order",
    "procedure",
    "ratedAs",
    "level",
    "status",
    "primaryVariant",
    "rating",
    "indicator",
    "plan",
    "reason",
)


def rows(result: Result) -> Iterator[dict[str, Any]]:
    """The rows of one result; one without decisions has one row too."""
    head = {
        "id": result.id,
        "service": result.service,
        "hook": result.hook,
        "patient": result.patient,
        "as_of": result.as_of,
        "failure": result.failure.code if result.failure else None,
        "milliseconds": result.milliseconds,
        "cards": len(result.cards),
        "unreadable": list(result.unreadable),
    }
    for record in result.records or ({},):
        lists = {
            f"{name}": [each for each in value if isinstance(each, str)]
            for name, value in record.items()
            if isinstance(value, list) and name not in ("evidence", "levels")
        }
        rules = [f"{name}:{each}" for name, values in sorted(lists.items()) for each in values]
        yield {**head, **{name: _text(record.get(name)) for name in _SINGLE}, "ids": rules}


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def write_parquet(path: Path, results: Iterable[Result]) -> None:
    """Write the table, some thousand rows at a time."""
    try:
        arrow, parquet = importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    except ModuleNotFoundError:
        raise ReplayError("--parquet needs pyarrow.", remedy="Install cds-service[scale].") from None
    texts, lists = arrow.string(), arrow.list_(arrow.string())
    schema = arrow.schema(
        [
            *((name, texts) for name in ("id", "service", "hook", "patient", "as_of", "failure")),
            ("milliseconds", arrow.float64()),
            ("cards", arrow.int32()),
            ("unreadable", lists),
            *((name, texts) for name in _SINGLE),
            ("ids", lists),
        ]
    )
    lines = (row for result in results for row in rows(result))
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        while batch := list(islice(lines, _BATCH)):
            writer.write_table(arrow.Table.from_pylist(batch, schema=schema))
