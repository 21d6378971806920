"""The form behind a question card: only the questions that matter, answered in seconds."""

from __future__ import annotations

from flask import Blueprint

from cds_service.memory.forms import FormStore
from cds_service.workbench.bench import Bench
from cds_service.workbench.form_links import FormLinks
from cds_service.workbench.frame import About


def form_pages(bench: Bench, about: About, links: FormLinks, store: FormStore, origins: tuple[str, ...]) -> Blueprint:
    """The form, and what becomes of its answers."""
    return Blueprint("form", __name__)
