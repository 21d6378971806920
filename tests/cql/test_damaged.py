"""Damaged libraries: they are refused with errors of their own, or run the same plain, traced and over lean data."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import Any

import pytest

from cds_service.cql.compile import CompiledLibraries, Source, compile_libraries
from cds_service.cql.evaluation import Evaluation, EvaluationFailed
from cds_service.errors import CdsError
from cds_service.fhir.model.types import r4
from cds_service.fhir.structs.decoding import Decoder
from cds_service.fhir.structs.flavours import lean
from tests.cql.patients import HEAD, facts_of
from tests.cql.test_explaining import LOGIC, WEIGHTS
from tests.cql.test_language import FUNCTIONS, IDIOMS

TEXTS = [HEAD + IDIOMS, f"{HEAD}context Patient\n{FUNCTIONS}", f"{HEAD}context Patient\n{LOGIC}"]
WORDS = [
    "and", "or", "exists", "null", "5", "@2020", "[Observation]", "return", "where", "before", "during", "Count",
    "First", "~", "in", "not", "is null", "'a'", "sort by", "Patient", "=", "<", "union", "distinct", "Now()", "Max",
]  # fmt: skip


def damaged(dice: random.Random) -> str:
    """A library with one or two words replaced, left out, put in or swapped."""
    parts = re.split(r"( )", dice.choice(TEXTS))
    for _ in range(dice.choice([1, 1, 2])):
        place, other = dice.randrange(len(parts)), dice.randrange(len(parts))
        match dice.randrange(4):
            case 0:
                parts[place] = dice.choice(WORDS)
            case 1:
                parts[place] = ""
            case 2:
                parts[place] += f" {dice.choice(WORDS)} "
            case _:
                parts[place], parts[other] = parts[other], parts[place]
    return "".join(parts)


def outcome(ask: Callable[[], Any]) -> str:
    """The value or the kind of failure; anything but an explained failure is let through."""
    try:
        return repr(ask())
    except EvaluationFailed:
        raise
    except CdsError as error:
        return type(error).__name__


def check(compiled: CompiledLibraries) -> None:
    """The three ways of evaluation agree."""
    keys = [("Test", definition.name) for definition in compiled.definitions("Test")]
    full = Evaluation(compiled, facts_of(*WEIGHTS))
    sparse = Evaluation(compiled, facts_of(*WEIGHTS, decoder=Decoder(lean(compiled.reads(keys)))))
    for definition in compiled.definitions("Test"):
        key = ("Test", definition.name)
        plain = outcome(lambda key=key: full.value(*key))  # type: ignore[misc]
        assert outcome(lambda key=key: full.evidence(*key).value) == plain, definition.name  # type: ignore[misc]
        lean_value = outcome(lambda key=key: sparse.value(*key))  # type: ignore[misc]
        assert "FHIR" in definition.type or lean_value == plain, definition.name


@pytest.mark.parametrize("seed", range(4))
def test_damaged_libraries_are_refused_or_run(seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(60):
        text = damaged(dice)
        try:
            compiled = compile_libraries([Source("test.cql", text)], r4())
        except CdsError:
            continue
        if "Test" in compiled.libraries:
            check(compiled)
