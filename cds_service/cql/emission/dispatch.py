"""The entrance to emission: every chapter registers the nodes of the typed tree that it writes."""

from __future__ import annotations

from functools import singledispatch

from cds_service.cql.emission.writer import Py, Writer
from cds_service.cql.static_types import Typed


@singledispatch
def emit(node: Typed, writer: Writer) -> Py:
    """The Python text of a node, after the statements that it needs."""
    raise NotImplementedError(type(node).__name__)


@singledispatch
def emit_test(node: Typed, writer: Writer) -> str:
    """Python text that is truthy exactly when the node is true: where null and false mean the same."""
    return emit(node, writer).text
