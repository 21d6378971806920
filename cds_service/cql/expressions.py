"""One expression compiled and evaluated: for conformance cases, tests and a first try."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cds_service.cql.compile import Source, Terminology, compile_libraries
from cds_service.cql.compiler.program import InlineExpression
from cds_service.cql.evaluation import Evaluation
from cds_service.fhir.model.types import Model


@dataclass(frozen=True, slots=True)
class Result:
    """A value with the type that the compiler found for it."""

    value: Any
    type: str


class NoFacts:
    """Facts of nobody: there is a time, and nothing else."""

    patient = None

    def __init__(self, as_of: Any) -> None:
        self.as_of = as_of

    def retrieve(self, type_name: str, code_path: str | None = None, membership: Any = None) -> list[Any]:  # noqa: ARG002 - as all facts are asked
        """Nothing."""
        return []

    def resolve(self, reference: str) -> None:
        """Nothing."""


def evaluate_expression(
    text: str,
    *,
    as_of: Any = None,
    model: Model | None = None,
    terminology: Terminology | None = None,
    facts: Any = None,
    libraries: Iterable[Source] = (),
) -> Result:
    """The value of an expression; compile errors come as an ErrorGroup, others as an EvaluationError."""
    expression = InlineExpression("expression", text)
    compiled = compile_libraries(libraries, model, terminology, roots=(), expressions=(expression,))
    facts = facts or NoFacts(as_of or datetime(2026, 1, 1, tzinfo=UTC))
    value = Evaluation(compiled, facts).value("", "expression")
    return Result(value, compiled.definition("", "expression").type)
