"""Where the suites are, and which of their cases are known to be wrong."""

from __future__ import annotations

import os
import tomllib
from functools import cache
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@cache
def suite_folder(name: str) -> Path | None:
    """The folder of a published suite below CONFORMANCE_DIR; None: the own cases count."""
    configured = os.environ.get("CONFORMANCE_DIR")
    folder = Path(configured) / name if configured else None
    return folder if folder is not None and folder.is_dir() else None


@cache
def known_gaps(suite: str) -> dict[str, str]:
    """Case id to the reason why it cannot pass."""
    content = tomllib.loads((HERE / "known_gaps.toml").read_text(encoding="utf-8"))
    return {case: f"{gap['reason']} ({gap['source']})" for case, gap in content.get(suite, {}).items()}


def as_parameter(suite: str, case_id: str, *values: object) -> object:
    """A case as a pytest parameter; a known gap is expected to fail, and fails the run when it passes."""
    reason = known_gaps(suite).get(case_id)
    marks = [pytest.mark.xfail(reason=reason, strict=True)] if reason else []
    return pytest.param(*values, id=case_id, marks=marks)
