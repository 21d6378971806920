"""The wheel holds code and knowledge, and runs where there is no checkout."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.edge.processes import ROOT, running

CONTENT = ("plandefinitions", "terminology", "docs")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of what is under version control or about to be."""
    copy = tmp_path_factory.mktemp("copy") / "project"
    copy.mkdir()
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in", "LICENSE", "NOTICE", "README.md", "CHANGELOG.md"):
        shutil.copy(ROOT / name, copy)
    for name in ("cds_service", *CONTENT):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    made = subprocess.run([*command, "--wheel-dir", str(copy / "dist"), str(copy)], capture_output=True)
    assert made.returncode == 0, made.stderr.decode()
    (found,) = (copy / "dist").glob("*.whl")
    return found


def test_code_knowledge_and_notices_are_in_it(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder in CONTENT:
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and not path.name.startswith(".") and "__pycache__" not in path.parts:
                assert f"cds_service/_content/{path.relative_to(ROOT)}" in names
    for path in (ROOT / "cds_service").rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            assert str(path.relative_to(ROOT)) in names
    assert {name.rpartition("/")[2] for name in names if ".dist-info/licenses/" in name} >= {"LICENSE", "NOTICE"}


def test_it_serves_outside_the_checkout(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    where = {"PYTHONPATH": str(tmp_path / "installed")}  # found before any checkout
    asked = [sys.executable, "-c", "import cds_service.settings as s; print(s.default_content())"]
    told = subprocess.run(asked, cwd=elsewhere, env={**os.environ, **where}, capture_output=True, check=True)
    assert told.stdout.decode().strip() == str(tmp_path / "installed" / "cds_service" / "_content")
    with running(elsewhere, ("-m", "cds_service", "serve"), cwd=elsewhere, given=where) as server:
        services = json.loads(server.call("GET", "/cds-services")[2])["services"]
        assert {service["id"] for service in services} >= {"vcf-patient-view", "vcf-order-sign"}
        assert server.stop() == 0
