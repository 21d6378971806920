"""Cases for PlanDefinition $apply: content, data, and what must come of applying one to the other."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from cds_service.knowledge.knowledge import Knowledge
from cds_service.knowledge.loading import knowledge_of


@dataclass(frozen=True, slots=True)
class PlanCase:
    """One run: a plan, a subject and the expectations."""

    id: str
    folder: Path
    apply: Mapping[str, Any]
    expected: Mapping[str, Any]
    content: str
    data: str
    request: str | None

    def knowledge(self) -> Knowledge:
        """The content of the case, loaded; shared by its variants."""
        return _load(self.folder / self.content)

    def bundle(self) -> bytes:
        """The patients' data."""
        return (self.folder / self.data).read_bytes()

    def hook_request(self) -> dict[str, Any] | None:
        """The CDS Hooks request of the case, if it has one."""
        if self.request is None:
            return None
        found: dict[str, Any] = json.loads((self.folder / self.request).read_text(encoding="utf-8"))
        return found


def plan_cases(folder: Path) -> Iterator[PlanCase]:
    """The cases below a folder, one for each variant."""
    for path in sorted(folder.glob("*/manifest.yaml")):
        manifest = yaml.safe_load(path.read_text(encoding="utf-8"))
        if not isinstance(manifest, dict) or "apply" not in manifest:
            continue
        files = manifest.get("input") or {}
        for number, variant in enumerate([{}, *(manifest.get("variants") or [])]):
            applied = {**manifest["apply"], **{k: v for k, v in variant.items() if k != "expected"}}
            expected = variant.get("expected") if number else manifest.get("expected")
            asked = files.get("request") or ("request.json" if (path.parent / "request.json").exists() else None)
            subject = str(applied.get("subject", "")).rpartition("/")[2]
            yield PlanCase(
                id=f"{path.parent.name}/{subject or number}",
                folder=path.parent,
                apply=applied,
                expected=expected or {},
                content=str(files.get("content", "content.json")),
                data=str(files.get("data", "data.json")),
                request=None if number else asked,
            )


@cache
def _load(path: Path) -> Knowledge:
    return knowledge_of([json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)], str(path))


def contains(actual: Any, expected: Any) -> bool:
    """Whether everything that is expected is there; `a or b` among the expected texts means either."""
    if isinstance(expected, Mapping):
        return isinstance(actual, Mapping) and all(
            name in actual and contains(actual[name], value) for name, value in expected.items()
        )
    if isinstance(expected, list):
        return isinstance(actual, list) and all(any(contains(each, wanted) for each in actual) for wanted in expected)
    if isinstance(expected, str) and isinstance(actual, str):
        return _same_text(actual, expected) or any(_same_text(actual, part) for part in expected.split(" or "))
    return bool(actual == expected)


def _same_text(actual: str, expected: str) -> bool:
    return actual == expected or " ".join(actual.split()) == " ".join(expected.split())
