"""What the documents name exists, and the licence is the licence."""

from __future__ import annotations

import hashlib
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


def test_the_licence_is_the_plain_apache_licence() -> None:
    text = (ROOT / "LICENSE").read_bytes()
    assert hashlib.sha256(text).hexdigest() == "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"


@pytest.mark.parametrize(
    "notice",
    [
        "This material contains content from LOINC (http://loinc.org)",
        "SNOMED International Global Patient Set, licensed under CC BY 4.0",
        "CPT codes are copyright American Medical Association",
        "NLM is not responsible for the product",
    ],
)
def test_notices(notice: str) -> None:
    assert notice in re.sub(r"\s+", " ", (ROOT / "NOTICE").read_text())


def test_every_file_of_the_data_path_exists() -> None:
    named = re.findall(r"`([a-z_]+(?:/[a-z_]*)*(?:\.py|/))`", (ROOT / "docs" / "architecture.md").read_text())
    assert len(named) > 30
    missing = [name for name in named if not any((folder / name).exists() for folder in (ROOT, ROOT / "cds_service"))]
    assert missing == []


@pytest.mark.parametrize("document", sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("*.md")))
def test_links_lead_somewhere(document: str) -> None:
    _assert_links(ROOT / document)


def test_links_in_docs_lead_somewhere() -> None:
    for path in (ROOT / "docs").rglob("*.md"):
        _assert_links(path)


def _assert_links(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text()):
        if not target.startswith(("http:", "https:", "mailto:")):
            assert (path.parent / target).exists(), f"{path.name} links to {target}"


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"]]
    for extra in project["optional-dependencies"].values():
        wanted += extra
    names = {re.split(r"[\[<>=~ ]", each)[0] for each in wanted} - {"cds-service"}
    reasons = (ROOT / "docs" / "dependencies.md").read_text()
    for name in sorted(names):
        assert name in reasons or (name.startswith("types-") and "types-*" in reasons), f"{name} has no reason"


def test_the_lock_holds_what_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for lock, wanted in (
        ("requirements.lock", project["dependencies"]),
        ("requirements-dev.lock", project["optional-dependencies"]["dev"]),
    ):
        locked = {
            line.split("==")[0] for line in (ROOT / lock).read_text().splitlines() if re.match(r"^[a-z0-9]", line)
        }
        names = {re.split(r"[\[<>=~ ]", each)[0].lower().replace(".", "-") for each in wanted} - {"cds-service"}
        assert names <= locked, f"run make lock: {names - locked}"
        assert (ROOT / lock).read_text().count("--hash=sha256:") > len(locked)
