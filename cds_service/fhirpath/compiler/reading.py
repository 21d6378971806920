"""Which elements of which types an expression reads: what a lean decoder has to keep."""

from __future__ import annotations

from cds_service.fhir.model.types import Model
from cds_service.fhir.structs.flavours import ALL, Reads, _All


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
        names = [type_name]
        if info.abstract:
            names = [name for name in self._model.names if self._model.is_subtype(name, type_name)]
        for name in names:
            if self._model.type(name).element(element.removeprefix("_")) is not None:
                self._elements.setdefault(name, set()).add(element)

    def add_whole(self, type_name: str) -> None:
        """A type with all that is in it."""
        pending = [type_name]
        while pending:
            name = pending.pop()
            info = self._model.get(name)
            if info is None or info.is_primitive or name in self._whole:
                continue
            if info.abstract and name != "BackboneElement":
                self.everything = True
                return
            self._whole.add(name)
            for element in info.elements.values():
                # What extensions hold may be of any type: only a look at the extensions themselves reads that.
                if element.name not in ("extension", "modifierExtension", "contained"):
                    pending += element.types

    def result(self) -> Reads | _All:
        """Type names to element names, or ALL."""
        if self.everything:
            return ALL
        partial = {name: frozenset(elements) for name, elements in self._elements.items() if name not in self._whole}
        return {**partial, **dict.fromkeys(self._whole, ALL)}
