"""Mistakes of meaning in CQL: what is wrong, where, and what was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import ClassVar

from cds_service.errors import CdsError, ContentError, Span


class SemanticError(ContentError):
    """A text that parses but does not mean anything."""

    code: ClassVar[str] = "cql-semantic"


class UnknownName(SemanticError):
    """A name that nothing in reach declares."""

    code = "cql-unknown-name"


class UnknownElement(SemanticError):
    """An element that the type does not have."""

    code = "cql-unknown-element"


class UnknownType(SemanticError):
    """A type that neither System nor the model knows."""

    code = "cql-unknown-type"


class UnknownLibrary(SemanticError):
    """An included library that is not at hand."""

    code = "cql-unknown-library"


class UnknownModel(SemanticError):
    """A data model, or a version of it, that is not at hand."""

    code = "cql-unknown-model"


class UnknownValueSetUse(SemanticError):
    """A value set that the terminology does not have, named with who uses it."""

    code = "cql-unknown-value-set"


class TypeMismatch(SemanticError):
    """An operator, function or clause that does not take values of these types."""

    code = "cql-type-mismatch"


class AmbiguousCall(SemanticError):
    """A call that fits several functions equally well."""

    code = "cql-ambiguous-call"


class CircularDefinition(SemanticError):
    """A definition that needs its own value, or a function that calls itself."""

    code = "cql-circular-definition"


class DuplicateDefinition(SemanticError):
    """A name that the library declares twice."""

    code = "cql-duplicate-definition"


class PrivateDefinition(SemanticError):
    """A private definition that another library uses."""

    code = "cql-private-definition"


class ValueNotAllowed(SemanticError):
    """A value that can be seen to be wrong without a patient."""

    code = "cql-value-not-allowed"


class UnsupportedSyntax(SemanticError):
    """A form that parses but that nothing here compiles."""

    code = "cql-unsupported-syntax"


def too_deep(where: Span) -> UnsupportedSyntax:
    """What to say of a text whose parts stand in each other hundreds of times."""
    return UnsupportedSyntax("This nests too deep.", where=where, remedy="Give its parts definitions of their own.")


class Problems:
    """Collects mistakes while compilation goes on; the same mistake at the same place is kept once."""

    def __init__(self) -> None:
        self.found: list[CdsError] = []
        self._seen: set[tuple[str, str]] = set()

    def add(self, error: CdsError) -> None:
        """Keep this mistake."""
        key = (str(error.where), error.what)
        if key not in self._seen:
            self._seen.add(key)
            self.found.append(error)

    def sorted(self) -> tuple[CdsError, ...]:
        """All mistakes, in the order of their places."""

        def place(error: CdsError) -> tuple[str, int, int]:
            where = error.where or Span("", 0, 0)
            return (where.file, where.line, where.column)

        return tuple(sorted(self.found, key=place))


def meant(name: str, known: Iterable[str], quote: str = '"') -> str:
    """`Did you mean "X"?` for the known name nearest to `name`; empty when none is near."""
    candidates = list(dict.fromkeys(known))
    lowered = {candidate.lower(): candidate for candidate in reversed(candidates)}
    near = difflib.get_close_matches(name.lower(), list(lowered), n=1, cutoff=0.6)
    return f"Did you mean {quote}{lowered[near[0]]}{quote}?" if near else ""
