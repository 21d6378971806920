"""The quality page: records in, figures out, nothing kept, nobody named."""

from __future__ import annotations

import io
from itertools import islice

import pytest

from tests.quality.registry import registry
from tests.workbench.conftest import Site

PAGE = {"Accept": "text/html"}


def posted(site: Site, text: str, name: str = "records.ndjson", **fields: str) -> tuple[int, str]:
    data = {"period": "2022-01-01/2024-12-31", "by": "operator,etiology", **fields}
    answer = site.client().post("/quality", data={**data, "records": (io.BytesIO(text.encode()), name)}, headers=PAGE)
    return answer.status_code, answer.get_data(as_text=True)


def test_the_page_asks_for_records(site: Site) -> None:
    text = site.client().get("/quality").get_data(as_text=True)
    assert 'type="file"' in text
    assert "forgotten" in text


def test_figures_stand_with_their_tables_and_downloads(site: Site) -> None:
    status, text = posted(site, "\n".join(islice(registry(), 60)))
    assert status == 200
    assert "60 patients" in text
    assert "Major complications" in text
    assert "small-volume" in text
    assert 'download="quality.csv"' in text
    assert "Practitioner/" not in text  # operators by pseudonym
    assert 'data-who="' in text  # a number opens its list
    assert '<script type="application/json" id="people">{"subjects"' in text
    assert "dialog" in site.client().get("/quality/people.js").get_data(as_text=True)
    assert "style=" not in text  # the content security policy would drop it


def test_what_cannot_be_read_is_said_without_the_place_on_the_server(site: Site) -> None:
    status, text = posted(site, "\n".join([*islice(registry(), 3), "{not json"]))
    assert status == 200
    assert "Could not be read" in text
    assert "records.ndjson:4" in text
    assert "/tmp" not in text


@pytest.mark.parametrize(
    ("fields", "name", "says"),
    [
        ({"period": "soon"}, "records.ndjson", "is no period"),
        ({"by": "name"}, "records.ndjson", "cannot be split"),
        ({}, "records.exe", "of a kind that is not read"),
        ({}, "", "There are no records"),
    ],
)
def test_wrong_input_gets_a_sentence(site: Site, fields: dict[str, str], name: str, says: str) -> None:
    status, text = posted(site, "{}", name, **fields)
    assert status == 400
    assert says in text
