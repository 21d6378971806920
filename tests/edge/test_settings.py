from __future__ import annotations

from pathlib import Path

import pytest

from cds_service.errors import CdsError
from cds_service.settings import Settings, default_content, load, table

ROOT = Path(__file__).parent.parent.parent


def test_the_table_in_the_docs_is_true() -> None:
    assert table() in (ROOT / "docs" / "settings.md").read_text()


def test_every_setting_is_explained() -> None:
    for line in table().splitlines()[2:]:
        name, default, says = (part.strip() for part in line.strip("|").split("|"))
        assert name.startswith("`CDS_")
        assert default
        assert says.endswith(".")


def test_defaults() -> None:
    settings = load({})
    assert (settings.host, settings.port, settings.allow_as_of) == ("127.0.0.1", 8080, False)
    assert not settings.needs_tokens
    assert settings.extension_base == "example.cds-service"
    assert (default_content() / "plandefinitions").is_dir()
    assert load({"CDS_PORT": "", "OTHER": "x"}) == settings


def test_values_are_read() -> None:
    settings = load(
        {
            "CDS_PORT": "9000",
            "CDS_ALLOW_AS_OF": "ON",
            "CDS_FHIR_SERVERS": "http://127.0.0.1:*, https://ehr.example/fhir/",
            "CDS_CANONICAL": "https://cds.hospital.org/fhir/",
            "CDS_FHIR_SECONDS": "2.5",
        }
    )
    assert settings.fhir_servers == ("http://127.0.0.1:*", "https://ehr.example/fhir/")
    assert settings.canonical == "https://cds.hospital.org/fhir"
    assert settings.extension_base == "org.hospital.cds"
    assert (settings.port, settings.allow_as_of, settings.fhir_seconds) == (9000, True, 2.5)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("CDS_PORT", "0", "whole number"),
        ("CDS_PORT", "70000", "whole number"),
        ("CDS_ALLOW_AS_OF", "maybe", "on or off"),
        ("CDS_FHIR_SERVERS", "ehr.example", "absolute http"),
        ("CDS_CANONICAL", "cds", "absolute http"),
        ("CDS_CONTENT", "/nowhere/at/all", "does not exist"),
        ("CDS_CLIENTS", "/nowhere", "must name a file"),
        ("CDS_LOG_LEVEL", "loud", "one of debug"),
        ("CDS_FHIR_SECONDS", "1e3", "number of seconds"),
        ("CDS_WORKER", "2", "Did you mean CDS_WORKERS?"),
    ],
)
def test_wrong_values_are_named(name: str, value: str, says: str) -> None:
    with pytest.raises(CdsError, match=says) as caught:
        load({name: value})
    assert name in str(caught.value)


def test_all_wrong_values_are_named_at_once() -> None:
    with pytest.raises(CdsError) as caught:
        load({"CDS_PORT": "x", "CDS_WORKERS": "0"})
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("localhost", True),
        ("::1", True),
        ("127.1.2.3", True),
        ("0.0.0.0", False),
        ("cds.example", False),
    ],
)
def test_what_only_this_machine_can_reach(host: str, loopback: bool) -> None:
    assert Settings(host=host).is_loopback is loopback


def test_an_open_service_on_a_public_address_must_be_wanted() -> None:
    with pytest.raises(CdsError, match="no client is known"):
        load({"CDS_HOST": "0.0.0.0"})
    assert not load({"CDS_HOST": "0.0.0.0", "CDS_OPEN_TO_ANYONE": "on"}).needs_tokens
