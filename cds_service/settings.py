"""Every setting: its name, its default, and one sentence."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from cds_service.errors import CdsError, ErrorGroup

PREFIX = "CDS_"


class WrongSetting(CdsError):
    """A setting whose value cannot be used; stops the start."""

    code = "wrong-setting"


def _text(value: str) -> str:
    return value


def _switch(value: str) -> bool:
    known = {"on": True, "true": True, "yes": True, "1": True, "off": False, "false": False, "no": False, "0": False}
    if value.lower() not in known:
        raise ValueError("must be on or off")
    return known[value.lower()]


def _number(value: str, least: int, most: int) -> int:
    if not re.fullmatch(r"\d{1,12}", value) or not least <= int(value) <= most:
        raise ValueError(f"must be a whole number from {least} to {most}")
    return int(value)


def _seconds(value: str, least: float, most: float) -> float:
    if not re.fullmatch(r"\d{1,6}(\.\d{1,6})?", value) or not least <= float(value) <= most:
        raise ValueError(f"must be a number of seconds from {least:g} to {most:g}")
    return float(value)


def _share(value: str) -> float:
    if not re.fullmatch(r"0(\.\d{1,6})?|1(\.0{1,6})?", value):
        raise ValueError("must be a share from 0 to 1")
    return float(value)


def _list(value: str) -> tuple[str, ...]:
    return tuple(part for part in (one.strip() for one in value.split(",")) if part)


def _paths(value: str) -> tuple[Path, ...]:
    paths = tuple(Path(one) for one in value.split(os.pathsep) if one)
    for path in paths:
        if not path.exists():
            raise ValueError("names a path that does not exist")
    return paths


def _file(value: str) -> Path:
    if not Path(value).is_file():
        raise ValueError("must name a file that exists")
    return Path(value)


def _folder(value: str) -> Path:
    if Path(value).exists() and not Path(value).is_dir():
        raise ValueError("must name a folder")
    return Path(value)


def _place(value: str) -> Path:
    if not Path(value).exists():
        raise ValueError("must name a file or folder that exists")
    return Path(value)


def _url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("must be an absolute http or https URL without query")
    return value.rstrip("/")


def _bases(value: str) -> tuple[str, ...]:
    bases = _list(value)
    for base in bases:
        if not re.match(r"https?://[^/]+", base):
            raise ValueError("must list absolute http or https URLs, separated by commas")
    return bases


def _database(value: str) -> str:
    if not re.match(r"(sqlite:///.+|postgres(ql)?://.+)", value):
        raise ValueError("must begin with sqlite:/// or postgresql://")
    return value


def _one_of(value: str, allowed: tuple[str, ...]) -> str:
    if value.lower() not in allowed:
        raise ValueError(f"must be one of {', '.join(allowed)}")
    return value.lower()


def _setting(
    default: Any, read: Callable[[str], Any], says: str, shown: str | None = None, *, secret: bool = False
) -> Any:
    """A field with how its variable is read, what it means, and how its default is shown where that is not plain."""
    return field(default=default, repr=not secret, metadata={"read": read, "says": says, "shown": shown})


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of one process; attributes are named as the variables, without the prefix."""

    # Where it listens
    host: str = _setting("127.0.0.1", _text, "Address to listen on.")
    port: int = _setting(8080, partial(_number, least=1, most=65535), "Port to listen on.")
    workers: int = _setting(
        2, partial(_number, least=1, most=256), "Worker processes; one for each core is a good start."
    )
    concurrency: int = _setting(
        64, partial(_number, least=1, most=1024), "Calls one worker answers at a time; more get 503 with Retry-After."
    )
    stop_seconds: int = _setting(
        30, partial(_number, least=1, most=1800), "How long calls in flight may take to finish when the service stops."
    )
    tls_certificate: Path | None = _setting(
        None, _file, "Certificate chain (PEM), where no proxy does TLS; with CDS_TLS_KEY the service speaks https only."
    )
    tls_key: Path | None = _setting(None, _file, "Private key (PKCS#8, PEM) of the certificate.")
    public_url: str | None = _setting(
        None, _url, "URL under which clients reach the service (behind a proxy); tokens and links are made for it."
    )
    cors_origins: tuple[str, ...] = _setting(
        ("*",), _list, "Origins whose pages may call from a browser; * for all. Cookies are never used."
    )
    # What it knows
    content: tuple[Path, ...] = _setting(
        (),
        _paths,
        "Further folders with plandefinitions/ and terminology/, separated as in PATH: a site's own content.",
    )
    packaged_content: bool = _setting(True, _switch, "Whether the content that comes with this software is loaded.")
    terminology_server: str | None = _setting(
        None, _url, "FHIR terminology server that is asked for value sets nobody brought, while content loads only."
    )
    terminology_cache: Path | None = _setting(
        None, _folder, "Folder that keeps its answers; a kept answer is used until its file is deleted."
    )
    canonical: str = _setting(
        "https://cds-service.example/fhir", _url, "Canonical base of our own artifacts; a site may put its own here."
    )
    allow_as_of: bool = _setting(
        False, _switch, "Whether a request may move the decision time with the asOf extension; for replays and tests."
    )
    rates_orders: bool = _setting(
        True, _switch, "Whether imaging orders get an appropriateness rating as a system action; clients may differ."
    )
    mechanism: str | None = _setting(
        None, _text, "How ratings on orders name this service; unset: its name and version.", "name and version"
    )
    language: str | None = _setting(None, _text, "Language of cards where the content has translations, e.g. de.")
    # Who may call
    client_auth: str = _setting(
        "auto",
        partial(_one_of, allowed=("auto", "required", "off")),
        "Whether callers need a signed token; auto: not on a loopback address, else required.",
    )
    open_to_anyone: bool = _setting(
        False,
        _switch,
        "Says that a service on a public address may answer anyone without a token; not for patient data.",
    )
    discovery_auth: bool = _setting(True, _switch, "Whether discovery needs a token too, where calls do.")
    clients: Path | None = _setting(
        None,
        _file,
        "File (YAML or JSON) with the clients that may call: issuer, key sets, tenants, what each supports.",
    )
    audiences: tuple[str, ...] = _setting(
        (), _list, "Values of aud accepted in tokens besides the URL that was called; some sites agree on a fixed one."
    )
    workbench: str = _setting(
        "auto",
        partial(_one_of, allowed=("auto", "on", "off")),
        "Whether GET / shows the workbench; auto: on a loopback address, and wherever it asks for a password.",
    )
    workbench_token: str | None = _setting(
        None,
        _text,
        "Password that the workbench asks for, with any user name; unset: it asks for none.",
        secret=True,
    )
    quality_data: Path | None = _setting(
        None,
        _place,
        "Records for the quality page of the workbench: a file or folder as `cds-service quality` reads it.",
    )
    earlier_content: tuple[Path, ...] = _setting(
        (),
        _paths,
        "Folders with earlier versions of the content, separated as in PATH; the workbench shows what changed.",
    )
    form_minutes: int = _setting(
        60,
        partial(_number, least=0, most=1440),
        "How long the form behind a question card can be opened; 0: cards link to the Questionnaire instead.",
    )
    form_megabytes: int = _setting(
        4096,
        partial(_number, least=1, most=1_000_000),
        "How much of the disk the calls behind forms may take beside an SQLite database; further ones are not kept.",
    )
    form_secret: str | None = _setting(
        None,
        _text,
        "Secret that seals links to forms; the same on all machines. Unset: a new one at every start.",
        secret=True,
    )
    smart_client: str | None = _setting(
        None, _text, "Client id of the form as a SMART app at EHRs; set, question cards launch it (SMART App Launch)."
    )
    ehr_origins: tuple[str, ...] = _setting(
        (), _list, "Origins of EHRs that may show the form in a frame and are told the answers (SMART web messaging)."
    )
    # Patient data
    fhir_servers: tuple[str, ...] = _setting(
        (), _bases, "FHIR bases that may be read, separated by commas; * matches any part. Empty: no callbacks."
    )
    fhir_seconds: float = _setting(
        4.0, partial(_seconds, least=0.1, most=60.0), "Time within which all reading from the FHIR server must be done."
    )
    max_body_bytes: int = _setting(
        8 * 1024 * 1024, partial(_number, least=1024, most=256 * 1024 * 1024), "Largest body of a call; more gets 413."
    )
    # Memory
    database_url: str = _setting(
        "sqlite:///cds-service.sqlite",
        _database,
        "Where decisions and feedback are kept: sqlite:///path or postgresql://….",
    )
    repeat_advice: bool = _setting(
        True, _switch, "Whether a hook repeats what another hook of the same hookInstance has said; off keeps it short."
    )
    store_decisions: bool = _setting(True, _switch, "Whether decisions are kept; feedback always is.")
    store_identifiers: bool = _setting(
        False, _switch, "Whether kept decisions carry patient, order and resource ids; off: they carry none."
    )
    keep_days: int = _setting(
        400,
        partial(_number, least=0, most=36500),
        "Days after which kept decisions are deleted; 0 keeps them for good.",
    )
    record_calls: Path | None = _setting(
        None, Path, "Folder that a share of the calls is recorded to for replay, without names and with dates moved."
    )
    record_share: float = _setting(0.01, _share, "Share of the calls that is recorded, from 0 to 1.")
    record_key: str | None = _setting(
        None, _text, "Secret from which replacements of ids are made; unset, a new one is drawn at each start.", "drawn"
    )
    # Operators
    log_level: str = _setting(
        "info", partial(_one_of, allowed=("debug", "info", "warning", "error")), "Least severity that is logged."
    )
    metrics: bool = _setting(True, _switch, "Whether /metrics is answered.")

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can call."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def own_url(self) -> str:
        """Where this service is reached: what the site says, else where it listens."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        scheme = "https" if self.tls_certificate else "http"
        return self.public_url or f"{scheme}://{host}:{self.port}"

    @property
    def needs_tokens(self) -> bool:
        """Whether callers must authenticate; settles `auto`."""
        return self.client_auth == "required" or (
            self.client_auth == "auto" and not self.is_loopback and not self.open_to_anyone
        )

    @property
    def shows_workbench(self) -> bool:
        """Whether there is a workbench; settles `auto`."""
        return self.workbench == "on" or (
            self.workbench == "auto" and (self.is_loopback or self.workbench_token is not None)
        )

    @property
    def extension_base(self) -> str:
        """The reversed canonical host, which our own extension members begin with (`example.cds-service`)."""
        host = urlsplit(self.canonical).hostname or ""
        return ".".join(reversed(host.split(".")))


def load(environment: Mapping[str, str]) -> Settings:
    """The settings of `environment`; every wrong one is named in one ErrorGroup."""
    errors: list[CdsError] = []
    values: dict[str, Any] = {}
    known = {variable(each): each for each in fields(Settings)}
    for name in sorted(environment):
        if not name.startswith(PREFIX) or environment[name] == "":
            continue
        if name not in known:
            close = get_close_matches(name, tuple(known), n=1, cutoff=0.8)
            if close:  # others may use the prefix too, but not for what looks like a slip
                errors.append(WrongSetting(f"{name} is no setting.", remedy=f"Did you mean {close[0]}?"))
            continue
        try:
            values[known[name].name] = known[name].metadata["read"](environment[name].strip())
        except ValueError as error:
            errors.append(WrongSetting(f"{name} {error}.", remedy=f"It means: {known[name].metadata['says']}"))
    if errors:
        raise ErrorGroup(tuple(errors))
    settings = Settings(**values)
    _check_together(settings)
    return settings


def _check_together(settings: Settings) -> None:
    if (settings.tls_certificate is None) != (settings.tls_key is None):
        raise WrongSetting("CDS_TLS_CERTIFICATE and CDS_TLS_KEY go together.", remedy="Set both, or neither.")
    if settings.client_auth == "off" and not settings.is_loopback and not settings.open_to_anyone:
        raise WrongSetting(
            f"CDS_CLIENT_AUTH is off while CDS_HOST ({settings.host}) can be reached from outside.",
            remedy="Set CDS_CLIENT_AUTH=required with CDS_CLIENTS, or say CDS_OPEN_TO_ANYONE=on.",
        )
    if settings.needs_tokens and settings.clients is None:
        raise WrongSetting(
            "Callers need a token, but no client is known.",
            remedy="Name a file of clients in CDS_CLIENTS, listen on 127.0.0.1, or say CDS_OPEN_TO_ANYONE=on.",
        )


def variable(setting: Field[Any]) -> str:
    """The environment variable of a setting."""
    return PREFIX + setting.name.upper()


def table() -> str:
    """All settings as a Markdown table: what docs/settings.md holds."""
    lines = ["| Variable | Default | Meaning |", "|---|---|---|"]
    lines += [f"| `{variable(each)}` | {_shown(each)} | {each.metadata['says']} |" for each in fields(Settings)]
    return "\n".join(lines) + "\n"


def _shown(setting: Field[Any]) -> str:
    if setting.metadata["shown"]:
        return cast(str, setting.metadata["shown"])
    default = setting.default
    if default is MISSING or default is None or default == ():
        return "none"
    if isinstance(default, bool):
        return "`on`" if default else "`off`"
    if isinstance(default, tuple):
        return f"`{','.join(default)}`"
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`"


def default_content() -> Path:
    """The folder with plandefinitions/ and terminology/ that belongs to this code: in a checkout, or in the package."""
    packaged = Path(__file__).parent / "_content"
    return packaged if packaged.is_dir() else Path(__file__).parent.parent
