"""FHIR JSON from Structs: as text, or as plain dictionaries with Decimals kept."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from cds_service.fhir.structs.flavours import Struct

_encoder = msgspec.json.Encoder(decimal_format="number")


def to_json(element: Struct) -> bytes:
    """The JSON text of a resource or element, without what is absent."""
    return _encoder.encode(element)


def to_builtins(element: Struct) -> dict[str, Any]:
    """The same as a dictionary; decimals stay Decimals, so that no digit is lost."""
    result: dict[str, Any] = msgspec.to_builtins(element, builtin_types=(Decimal,))
    return result


def encode(value: Any) -> bytes:
    """JSON text of dictionaries, lists and Structs mixed, with decimals as numbers."""
    return _encoder.encode(value)
