"""What can be wrong with a FHIRPath expression: its form, its meaning, or what it meets in the data."""

from __future__ import annotations

from cds_service.errors import ContentError, EvaluationError


class FhirPathSyntaxError(ContentError):
    """A text that the grammar of FHIRPath does not allow."""

    code = "fhirpath-syntax"


class FhirPathSemanticError(ContentError):
    """An expression that names what does not exist, or that can never have a value."""

    code = "fhirpath-semantic"


class FhirPathEvaluationError(EvaluationError):
    """An expression that meets data it cannot be evaluated on, such as two items where one is wanted."""

    code = "fhirpath-evaluation"
