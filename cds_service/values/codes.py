"""Codes, concepts, and references to value sets and code systems."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """One code of one system; equal by all elements, equivalent by code and system."""

    code: str | None
    system: str | None = None
    version: str | None = None
    display: str | None = None


@dataclass(frozen=True, slots=True)
class Concept:
    """One meaning in one or more codes."""

    codes: tuple[Code, ...]
    display: str | None = None


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """A reference to terminology that is defined elsewhere."""

    id: str
    version: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class CodeSystem(Vocabulary):
    """A reference to a code system."""


@dataclass(frozen=True, slots=True)
class ValueSet(Vocabulary):
    """A reference to a value set, with the code system versions it is to be read with."""

    codesystems: tuple[CodeSystem, ...] = ()
