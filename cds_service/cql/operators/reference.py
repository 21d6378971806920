"""The page of supported operators, written from the operator table so that it cannot say anything else.

python -m cds_service.cql.operators.reference docs/cql.md
"""

from __future__ import annotations

import sys
from pathlib import Path

from cds_service.cql.operator_names import BINARY, UNARY
from cds_service.cql.operators.signatures import Signature
from cds_service.cql.operators.table import TABLE
from cds_service.cql.static_types import Type

START, END = "<!-- operators: start -->", "<!-- operators: end -->"
_SAYS = {"LastPositionOf": "LastPositionOf(pattern, text)", "PositionOf": "PositionOf(pattern, text)"}


def operator_reference() -> str:
    """Markdown with every operator and function, chapter by chapter."""
    lines: list[str] = []
    chapter = ""
    for name in TABLE.by_name:
        if TABLE.chapters[name] != chapter:
            chapter = TABLE.chapters[name]
            names = [other for other in TABLE.by_name if TABLE.chapters[other] == chapter]
            lines += [f"### {chapter}", "", "| Operator | Written | Takes | Gives |", "|---|---|---|---|"]
            lines += [_row(other) for other in names]
            lines.append("")
    return "\n".join(lines).rstrip()


def _row(name: str) -> str:
    forms = list(dict.fromkeys(_form(signature) for signature in TABLE.get(name)))
    results = list(dict.fromkeys(str(signature.result) for signature in TABLE.get(name)))
    takes = ", ".join(forms[:6]) + (f" and {len(forms) - 6} more" if len(forms) > 6 else "")
    cells = (name, _written(name), takes, ", ".join(results))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _written(name: str) -> str:
    words = BINARY.get("Concatenate" if name == "Ampersand" else name) or UNARY.get(name)
    if name == "Concatenate" or words is None:
        return f"`{_SAYS.get(name, name + '(..)')}`"
    return f"`{words}`"


def _form(signature: Signature) -> str:
    parameters: tuple[Type, ...] = signature.parameters
    return "(" + ", ".join(str(parameter) for parameter in parameters) + ")"


def with_reference(page: str) -> str:
    """The page with the current reference between its marks."""
    before, _, rest = page.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n\n{operator_reference()}\n\n{END}{after}"


if __name__ == "__main__":
    for path in map(Path, sys.argv[1:]):
        path.write_text(with_reference(path.read_text(encoding="utf-8")), encoding="utf-8")
