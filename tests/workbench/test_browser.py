"""The workbench in a real browser: what a person does, what stands on the screen, and who can use it.

Screenshots go to artifacts/workbench/. Skipped, and said so, where there is no Chromium.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
from collections.abc import Iterator
from hashlib import sha256
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from tests.workbench.conftest import EHR, ROOT, Site
from tests.workbench.test_forms import asking_request, link_of, opened

ARTIFACTS = ROOT / "artifacts" / "workbench"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield launched
        launched.close()


@pytest.fixture
def page(browser: Browser, site: Site) -> Iterator[Page]:
    yield from _page(browser, site)


def _page(browser: Browser, site: Site, **options: Any) -> Iterator[Page]:
    """A page on which any error of a script, and anything that the policy forbids, fails the test."""
    context = browser.new_context(base_url=site.url, viewport={"width": 1360, "height": 900}, **options)
    context.set_default_timeout(8000)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert not complaints


def shot(page: Page, name: str, *, whole: bool = False) -> None:
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=ARTIFACTS / f"{name}.png", full_page=whole)


def open_example(page: Page, identifier: str) -> None:
    page.goto(f"/playground?example={identifier}")
    expect(page.locator("#status")).to_contain_text("Answered in")


def serious(page: Page, part: str | None = None, only: str | None = None) -> list[str]:
    """What axe calls serious or critical, on the page or in a part of it, by all rules or one."""
    options = {"runOnly": {"type": "rule", "values": [only]}} if only else None
    found = cast(list[dict[str, Any]], Axe().run(page, context=part, options=options).response["violations"])
    return [
        f"{each['id']}: {node['target']} {node.get('failureSummary', '')}"
        for each in found
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"][:3]
    ]


PAGES = {
    "home": "/", "plans": "/plans", "plan": "/plans/vcf-treatment", "service": "/plans/vcf-order-sign",
    "rules": "/plans/vcf-contraindications", "differences": "/plans/differences", "logic": "/plans/logic/Scenarios",
    "terminology": "/terminology?q=kyphoplasty", "phrase": "/terminology?q=old+T12+fracture,+no+cancer",
    "value-set": "/terminology/sets/spinal-infection", "use": "/use?days=400&tries=on",
}  # fmt: skip


DARK = frozenset({"home", "plan", "differences", "logic", "phrase", "use"})


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_serious_on_a_page(page: Page, name: str) -> None:
    page.goto(PAGES[name])
    shot(page, name)
    assert serious(page) == []
    if name in DARK:
        page.emulate_media(color_scheme="dark")
        shot(page, f"{name}-dark")
        assert serious(page, only="color-contrast") == []


def test_axe_finds_nothing_serious_in_the_playground(page: Page) -> None:
    open_example(page, "V02")
    for tab in ("cards", "logic", "take", "why"):  # the largest last: axe walks through what is hidden too
        page.click(f"#tab-{tab}")
        page.wait_for_timeout(300)
        shot(page, f"playground-{tab}")
        assert serious(page, None if tab == "cards" else f"#panel-{tab}") == [], tab
    page.emulate_media(color_scheme="dark")
    page.locator("#why").evaluate("panel => panel.replaceChildren()")
    page.click("#tab-cards")
    shot(page, "playground-dark")
    assert serious(page, only="color-contrast") == []


def test_a_clinician_accepts_a_better_order(page: Page, site: Site) -> None:
    open_example(page, "V02")
    before = page.locator(".orders .order-text").inner_text()
    expect(page.locator(".orders .tag").first).to_have_text("not appropriate")
    page.locator(".card button.primary").first.click()
    expect(page.locator("#status")).to_contain_text("The service was told")
    expect(page.locator(".orders .tag").first).to_have_text("appropriate")
    assert page.locator(".orders .order-text").inner_text() != before
    expect(page.locator(".changes")).to_contain_text("usually appropriate")
    shot(page, "accepted")


def test_a_clinician_overrides_with_a_reason(page: Page, site: Site) -> None:
    open_example(page, "V02")
    card = page.locator(".card").first
    card.locator("summary", has_text="Override").click()
    card.locator("select").select_option(index=1)
    reason = card.locator("select option:checked").inner_text()
    card.locator("input[name=comment]").fill("discussed with the family")
    card.locator("button", has_text="Send").click()
    expect(card.locator(".override-state")).to_contain_text("The service was told")
    shot(page, "overridden")
    page.wait_for_timeout(300)
    page.goto("/use?tries=on")
    expect(page.locator("#reasons-title")).to_be_visible()
    page.locator("section", has=page.locator("#reasons-title")).locator("summary").click()
    expect(page.locator("section", has=page.locator("#reasons-title"))).to_contain_text(reason)


def test_changing_a_fact_changes_the_card_at_once(page: Page) -> None:
    open_example(page, "V01")
    row = page.locator("[data-fact=malignancy_history]")
    row.locator("input[value=true]").check()
    expect(page.locator(".changes")).to_contain_text("What changed")
    expect(page.locator(".changes")).to_contain_text("V2")
    shot(page, "changed")
    page.click("#reset-facts")
    expect(page.locator(".changes")).to_have_count(0)
    page.fill("#fact-search", "platelet")
    value = page.locator("[data-fact=platelets]")
    value.locator("[data-value]").fill("40")
    value.locator("[data-value]").blur()
    expect(value.locator("[data-now]")).to_contain_text("40")


def test_cases_and_orders_are_found_by_words(page: Page) -> None:
    open_example(page, "V01")
    page.fill("#example-search", "sepsis")
    expect(page.locator("#example-count")).not_to_contain_text("shown")
    page.locator("#examples button").first.click()
    expect(page.locator("#examples [aria-pressed=true]")).to_have_count(1)
    open_example(page, "V01")
    page.fill("#order-code", "72158")
    page.locator("#order-code").press("Tab")
    expect(page.locator(".card h3").first).to_contain_text("with", ignore_case=True)
    page.fill("#order-levels", "L2")
    page.locator("#order-levels").press("Tab")
    expect(page.locator(".orders")).to_contain_text("L2")


def test_why_leads_to_the_logic_with_the_patient_in_the_margin(page: Page) -> None:
    open_example(page, "V10")
    page.focus("#tab-cards")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#why .reason").first).to_be_visible()
    expect(page.locator("#why")).to_contain_text("Observation/")
    page.locator("#why [data-library]:visible").first.click()
    expect(page.locator("#logic .meant")).to_be_visible()
    expect(page.locator("#logic .tag.true").first).to_be_visible()
    shot(page, "logic-of-patient")


def test_a_case_is_saved_and_read_back(page: Page) -> None:
    open_example(page, "V10")
    page.click("#tab-take")
    with page.expect_download() as download:
        page.click("#save-case")
    text = download.value.path().read_text()
    page.click("#drop summary")
    page.fill("#paste", text)
    page.click("#paste-load")
    expect(page.locator("#status")).to_contain_text("Answered in")
    assert json.loads(page.locator("#sent").inner_text())["hook"] == "order-sign"


def test_every_service_can_be_tried_from_home(page: Page, site: Site) -> None:
    for service in site.prepared.offers:
        page.goto(f"/playground?service={service}")
        expect(page.locator("#service")).to_have_value(service)
        expect(page.locator("#status")).to_contain_text("Answered in")


def test_a_question_is_answered_in_the_form_and_the_call_knows(page: Page, site: Site) -> None:
    open_example(page, "V01")
    page.locator("[data-fact=symptomatic] input[value=unknown]").check()
    link = page.locator(".card a", has_text="open question")
    expect(link.first).to_be_visible()
    page.wait_for_timeout(300)
    with page.expect_popup() as popup:
        link.first.click()
    form = popup.value
    expect(form.locator("fieldset")).to_have_count(1)
    form.locator("input[value=true]").check()
    expect(form.locator("#decision")).to_contain_text("usually appropriate")
    shot(form, "form", whole=True)
    assert serious(form) == []
    form.locator("button[type=submit]").click()
    expect(form.locator("#status")).to_contain_text("Filed")
    expect(page.locator("#status")).to_contain_text("The form was filled in")
    shot(page, "after-the-form")


def test_an_ehr_that_shows_the_form_is_told_the_answers(page: Page, site: Site) -> None:
    link = link_of(site.call("vcf-order-sign", asking_request(site, "framed")))
    opened(site, link)
    frame = f"{link}#smart_web_messaging_origin={site.url}&smart_web_messaging_handle=h1"
    script = "window.told = []; addEventListener('message', (event) => window.told.push(event.data));"
    html = f'<title>EHR</title><script>{script}</script><iframe src="{frame}" width="900" height="700"></iframe>'
    page.route("**/an-ehr", lambda route: route.fulfill(body=html, content_type="text/html"))
    page.goto("/an-ehr")
    form = page.frame_locator("iframe")
    form.locator("input[value=true]").check()
    form.locator("button[type=submit]").click()
    expect(form.locator("#status")).to_contain_text("the EHR was told")
    told = page.evaluate("window.told")
    assert [message["messageType"] for message in told] == ["scratchpad.create", "scratchpad.update", "ui.done"]
    assert {message["messagingHandle"] for message in told} == {"h1"}
    assert told[1]["payload"]["resource"]["extension"]


def test_an_ehr_launches_the_form_as_a_smart_app(page: Page, site: Site) -> None:
    link = link_of(site.call("vcf-order-sign", asking_request(site, "launched")))
    opened(site, link)
    handle = link.rpartition("/")[2]
    told: dict[str, Any] = {"access_token": "x", "appContext": handle}
    told |= {"smart_web_messaging_origin": EHR, "smart_web_messaging_handle": "h2"}
    asked: list[dict[str, str]] = []

    def ehr(route: Route) -> None:
        url = urlsplit(route.request.url)
        headers = {"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "*"}
        endpoints = {"authorization_endpoint": f"{EHR}/authorize", "token_endpoint": f"{EHR}/token"}
        if url.path.endswith("/smart-configuration"):
            route.fulfill(json=endpoints, headers=headers)
        elif url.path == "/authorize":
            sent = dict(parse_qsl(url.query))
            asked.append(sent)
            back = f"{sent['redirect_uri']}?code=c1&state={sent['state']}"
            route.fulfill(body=f"<script>location = {json.dumps(back)}</script>", content_type="text/html")
        else:
            asked.append(dict(parse_qsl(route.request.post_data or "")))
            route.fulfill(json=told, headers=headers)

    def with_client(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.text().replace('data-client=""', 'data-client="cds-form"'))

    page.route(f"{EHR}/**", ehr)
    page.route(re.compile(r"/form/launch\?"), with_client)
    page.goto(f"/form/launch?iss={EHR}/fhir&launch=l1")
    expect(page.locator("fieldset")).to_have_count(1)
    assert page.url.startswith(f"{link}#")
    assert (asked[0]["launch"], asked[0]["aud"], asked[0]["client_id"]) == ("l1", f"{EHR}/fhir", "cds-form")
    challenge = base64.urlsafe_b64encode(sha256(asked[1]["code_verifier"].encode()).digest()).rstrip(b"=").decode()
    assert asked[0]["code_challenge"] == challenge


def test_an_ehr_that_is_not_known_launches_nothing(page: Page) -> None:
    page.goto("/form/launch?iss=https://elsewhere.example/fhir&launch=l1")
    expect(page.locator("#launch")).to_contain_text("not known here")


def test_the_form_works_without_script(browser: Browser, site: Site) -> None:
    link = link_of(site.call("vcf-order-sign", asking_request(site, "scriptless")))
    opened(site, link)
    for page in _page(browser, site, java_script_enabled=False):
        page.goto(link)
        page.check("input[value=true]")
        page.click("button[type=submit]")
        expect(page.locator("#filed")).to_contain_text("1 answer filed")


@pytest.mark.parametrize(
    "path", ["/", "/playground?example=V02", "/plans/vcf-imaging", "/terminology?q=kyphoplasty", "/use"]
)
def test_nothing_runs_out_of_a_narrow_screen(browser: Browser, site: Site, path: str) -> None:
    for page in _page(browser, site):
        page.set_viewport_size({"width": 360, "height": 740})
        page.goto(path)
        page.wait_for_timeout(400)
        shot(page, f"narrow{path.partition('?')[0].replace('/', '-')}")
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 1


def test_a_plan_prints_without_the_controls(page: Page) -> None:
    page.goto("/plans/text")
    page.emulate_media(media="print")
    shot(page, "print")
    expect(page.locator("nav")).to_be_hidden()
    expect(page.locator("h2").first).to_be_visible()
