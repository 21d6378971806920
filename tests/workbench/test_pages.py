"""Every page: it is there, small, quick, safe to show, and only where and to whom the site wants it."""

from __future__ import annotations

import base64
import re
import time
from dataclasses import replace

import pytest

from cds_service.app import create_app
from cds_service.settings import Settings, load
from tests.workbench.conftest import Site

PAGES = (
    "/", "/playground", "/plans", "/plans/vcf-imaging", "/plans/vcf-order-sign", "/plans/vcf-contraindications",
    "/plans/text", "/plans/differences", "/plans/logic/Scenarios", "/terminology", "/terminology?q=kyphoplasty",
    "/terminology?q=old+T12+fracture,+no+cancer", "/terminology/sets/vertebral-fracture-current", "/use",
    "/use?days=90&tries=on", "/docs/", "/docs/workbench.md",
)  # fmt: skip


@pytest.mark.parametrize("path", PAGES)
def test_each_page_stands_without_script_or_style_of_its_own(site: Site, path: str) -> None:
    answer = site.client().get(path)
    text = answer.get_data(as_text=True)
    assert answer.status_code == 200
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<[^>]+\s(style|on\w+)=", text), "inline style or handler"
    assert not re.search(r"<script(?![^>]+src=)", text)
    assert "<style" not in text
    outside = re.findall(r"(?:src|<link[^>]+href)=[\"'](https?:)?//", text)
    assert not outside, "something is loaded from elsewhere"
    assert 'lang="en"' in text
    assert "<title>" in text
    assert text.count("<h1") == 1


def test_the_first_page_is_small_and_quick(site: Site) -> None:
    client = site.client()
    client.get("/")
    begun = time.process_time()
    page = client.get("/")
    spent = time.process_time() - begun
    sizes = len(page.data)
    for name in re.findall(r'(?:href|src)="(/static/[^"]+)"', page.get_data(as_text=True)):
        sizes += len(client.get(name).data)
    assert sizes < 100_000
    assert spent < 0.2


def test_home_offers_all_services_to_try(site: Site) -> None:
    text = site.client().get("/").get_data(as_text=True)
    for service in site.prepared.offers:
        assert f"/playground?service={service}" in text


@pytest.mark.parametrize("path", ["/plans/no", "/terminology/sets/no", "/plans/logic/No", "/use/no.csv"])
def test_what_is_not_there_is_said_in_words(site: Site, path: str) -> None:
    answer = site.client().get(path, headers={"Accept": "text/html"})
    assert answer.status_code == 400
    assert "There is no such" in answer.get_data(as_text=True)


def test_a_plan_shows_ratings_with_rationale_and_source(site: Site) -> None:
    text = site.client().get("/plans/vcf-imaging").get_data(as_text=True)
    assert "is-usually-appropriate" in text
    assert "is-usually-not-appropriate" in text
    assert "panel divided" in text
    assert "Variant 2" in text
    assert "As a flow" in text


def test_a_value_set_names_its_codes_and_who_uses_it(site: Site) -> None:
    text = site.client().get("/terminology/sets/vertebral-fracture-current").get_data(as_text=True)
    assert "Used by" in text
    assert "M80.08XA" in text or "M8008XA" in text


def test_a_phrase_is_read(site: Site) -> None:
    text = site.client().get("/terminology?q=old+T12+compression+fracture").get_data(as_text=True)
    assert "Read as text" in text
    assert "T12" in text


def test_search_terms_are_escaped(site: Site) -> None:
    text = site.client().get("/terminology?q=<script>alert(1)</script>").get_data(as_text=True)
    assert "<script>alert" not in text
    assert "&lt;script&gt;" in text


def test_a_password_is_asked_for_where_one_is_set(site: Site) -> None:
    settings = replace(site.prepared.settings, workbench_token="open sesame")
    import cds_service.app as app

    knowledge_pages = site.prepared.pages.args[0]  # type: ignore[attr-defined]
    pages = lambda keeping: app.pages_for_people(  # noqa: E731 - one short page
        knowledge_pages, settings, site.prepared.pages.args[2], site.prepared.forms, keeping  # type: ignore[attr-defined]
    )  # fmt: skip
    application = create_app(replace(site.prepared, settings=settings, pages=pages))
    try:
        client = application.flask.test_client()
        assert client.get("/").status_code == 401
        assert client.get("/static/playground.js").status_code == 401
        wrong = base64.b64encode(b"me:close sesame").decode()
        assert client.get("/", headers={"Authorization": f"Basic {wrong}"}).status_code == 401
        right = base64.b64encode(b"me:open sesame").decode()
        assert client.get("/", headers={"Authorization": f"Basic {right}"}).status_code == 200
        assert client.get("/cds-services").status_code == 200
    finally:
        application.close()


@pytest.mark.parametrize(
    ("environment", "shown"),
    [
        ({}, True),
        ({"CDS_WORKBENCH": "off"}, False),
        ({"CDS_HOST": "0.0.0.0", "CDS_OPEN_TO_ANYONE": "on"}, False),
        ({"CDS_HOST": "0.0.0.0", "CDS_OPEN_TO_ANYONE": "on", "CDS_WORKBENCH": "on"}, True),
        ({"CDS_HOST": "0.0.0.0", "CDS_OPEN_TO_ANYONE": "on", "CDS_WORKBENCH_TOKEN": "x"}, True),
    ],
)
def test_a_public_address_has_a_workbench_only_where_it_is_wanted(environment: dict[str, str], shown: bool) -> None:
    assert load(environment).shows_workbench is shown


def test_pages_of_others_may_not_post(site: Site) -> None:
    loaded = site.example("V01")
    answer = site.client().post("/playground/decide", json=loaded, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403


def test_the_password_does_not_show_in_the_settings() -> None:
    assert "open sesame" not in repr(Settings(workbench_token="open sesame", form_secret="open sesame"))
