"""Puts the knowledge into the package: plandefinitions/, terminology/ and docs/ travel as cds_service/_content/."""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

CONTENT = ("plandefinitions", "terminology", "docs")


class BuildWithContent(build_py):
    """The usual build, and the content beside the code; an editable install reads the checkout instead."""

    def run(self) -> None:
        """Copy the package, then the content."""
        super().run()
        if self.editable_mode:
            return
        for folder in CONTENT:
            target = Path(self.build_lib) / "cds_service" / "_content" / folder
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(Path(__file__).parent / folder, target, ignore=shutil.ignore_patterns("__pycache__", ".*"))


setup(cmdclass={"build_py": BuildWithContent})
