"""Which elements of which types an expression reads: what a lean decoder has to keep."""

from __future__ import annotations

from functools import cache

from cds_service.fhir.model.types import Model, TypeInfo
from cds_service.fhir.structs.flavours import ALL, Reads, _All


@cache
def derived(model: Model, kind: str) -> tuple[TypeInfo, ...]:
    """A type and all that are derived from it."""
    return tuple(model.type(name) for name in model.names if model.is_subtype(name, kind))


class ReadElements:
    """Collects what is read; `everything` once an expression reads what cannot be foreseen."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._elements: dict[str, set[str]] = {}
        self._whole: set[str] = set()
        self.everything = False

    def add(self, type_name: str, element: str) -> None:
        """An element of a type, and of the types derived from an abstract one."""
        info = self._model.get(type_name)
        if info is None:
            return
        for kind in derived(self._model, type_name) if info.abstract else (info,):
            if kind.element(element.removeprefix("_")) is not None:
                self._elements.setdefault(kind.name, set()).add(element)

    def add_beside_primitives(self, element: str) -> None:
        """An element of what stands beside primitives: their extensions, their id."""
        self._elements.setdefault("Element", set()).add(element)

    def add_whole(self, type_name: str) -> None:
        """A type with all that is in it."""
        pending = [type_name]
        while pending:
            name = pending.pop()
            info = self._model.get(name)
            if info is None or info.is_primitive or name in self._whole:
                continue
            if info.is_resource or (info.abstract and name != "BackboneElement"):
                self.everything = True  # a resource may contain any other
                return
            self._whole.add(name)
            for element in info.elements.values():
                # Extensions are kept, with the usual elements of what they hold.
                if element.name not in ("extension", "modifierExtension"):
                    pending += element.types

    def result(self) -> Reads | _All:
        """Type names to element names, or ALL."""
        if self.everything:
            return ALL
        partial = {name: frozenset(elements) for name, elements in self._elements.items() if name not in self._whole}
        # What is read whole keeps its extensions, and those beside its primitives.
        kept = {"Element", "Extension"} if self._whole else set()
        return {**partial, **dict.fromkeys(self._whole | kept, ALL)}
