"""Choice elements whose type only the data tells."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from cds_service.fhirpath.items import Primitive


@lru_cache(maxsize=1024)
def reader(alternatives: tuple[tuple[str, str, str], ...], primitives: frozenset[str]) -> Callable[[Any], Any]:
    """A function that gives the item of a choice element, primitives with their type, or None.

    An alternative is an attribute, the attribute of what stands beside it (or nothing), and its type.
    """

    def read(struct: Any) -> Any:
        for attribute, companion, type_name in alternatives:
            value = getattr(struct, attribute)
            beside = getattr(struct, companion) if companion else None
            if value is not None or beside is not None:
                return Primitive(value, type_name, beside) if type_name in primitives else value
        return None

    return read
