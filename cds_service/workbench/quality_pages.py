"""Quality: outcomes and complications over an uploaded or configured set of records, figures first, tables behind."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import flask
from flask import Blueprint
from flask.typing import ResponseReturnValue
from markupsafe import Markup
from werkzeug.utils import secure_filename

from cds_service.workbench.bench import Bench, UnusableInput

if TYPE_CHECKING:
    from cds_service.quality.analysis import GroupAnalysis
    from cds_service.quality.programme import Programme

_SPLITS = {
    "": "not split",
    "operator": "by operator",
    "etiology": "by etiology",
    "operator,etiology": "by both",
    "period": "over time",
}
_LENGTHS = ("month", "quarter", "year")
_KINDS = {".json", ".ndjson", ".jsonl", ".gz", ".bz2", ".xz"}


@dataclass(frozen=True, slots=True)
class Download:
    """A file that the page holds itself, so that nothing about patients stays on the server."""

    name: str
    kind: str
    text: str

    @property
    def url(self) -> str:
        """The file as a data URL."""
        return f"data:{self.kind};base64,{base64.b64encode(self.text.encode()).decode()}"


def add_quality(blueprint: Blueprint, bench: Bench, configured: Path | None) -> None:
    """The page that asks for records, and the one that shows what they come to."""
    programmes: list[Programme] = []  # compiled when the first report is made

    @blueprint.get("/quality")
    def quality() -> ResponseReturnValue:
        return flask.render_template(
            "quality.html", sections=None, splits=_SPLITS, lengths=_LENGTHS, configured=configured is not None, asked={}
        )

    @blueprint.get("/quality/people.js")
    def quality_script() -> ResponseReturnValue:
        from cds_service.quality.people import people_script

        return flask.Response(people_script(), mimetype="text/javascript")

    @blueprint.post("/quality")
    def quality_report() -> ResponseReturnValue:
        try:
            from cds_service.quality.analysis import analyse
        except ModuleNotFoundError:
            raise UnusableInput(
                "The statistics are not installed here.", remedy="Install cds-service[quality], then start again."
            ) from None
        form = flask.request.form
        asked = {name: form.get(name, "")[:60] for name in ("period", "by", "source", "each")}
        if asked["by"] not in _SPLITS:
            raise UnusableInput("The figures cannot be split like that.")
        with tempfile.TemporaryDirectory(prefix="quality-") as work:
            paths = _given(Path(work), configured if asked["source"] == "configured" else None)
            return _report(bench, programmes, paths, asked, analyse)


def _given(work: Path, configured: Path | None) -> list[str]:
    """The files to read: those of the site, or those that came with the form."""
    if configured is not None:
        return [str(configured)]
    found = []
    for number, file in enumerate(flask.request.files.getlist("records")):
        name = secure_filename(file.filename or "")
        if not name:
            continue
        if Path(name).suffix.lower() not in _KINDS:
            raise UnusableInput(
                f"{name} is of a kind that is not read here.", remedy="Give JSON or NDJSON, compressed or not."
            )
        target = work / f"{number}-{name}"
        file.save(target)
        found.append(str(target))
    if not found:
        raise UnusableInput("There are no records.", remedy="Choose a file with Bundles, one patient each.")
    return found


def _report(
    bench: Bench,
    programmes: list[Programme],
    paths: list[str],
    asked: dict[str, str],
    analyse: Callable[..., tuple[GroupAnalysis, ...]],
) -> ResponseReturnValue:
    from cds_service.quality.engines import count_here
    from cds_service.quality.people import people_json
    from cds_service.quality.programme import read_programme
    from cds_service.quality.pseudonyms import with_pseudonyms
    from cds_service.quality.report import Frame, render_report, sections_of
    from cds_service.quality.running import LENGTH, Counter, parse_period
    from cds_service.quality.tables import to_csv
    from cds_service.quality.tally import Tally
    from cds_service.replay.inputs import slices_of

    period = parse_period(asked["period"])
    if not programmes:
        programmes.append(read_programme(bench.knowledge))
    programme = programmes[0]
    length = {LENGTH: asked["each"]} if asked["each"] in _LENGTHS else None
    counter = Counter(programme, programme.measures, period, bench.now(), parameters=length)
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="quality-") as spill:
        for _, counted in count_here(slices_of(paths, Path(spill)), counter, 1):
            tally.merge(counted)
    tally = with_pseudonyms(tally, programme.operator)
    names = [name for name in asked["by"].split(",") if name]
    splits = [[name] for name in names] + ([names] if len(names) > 1 else [])
    analyses = analyse(programme.measures, tally, splits, programme.conventions)
    frame = Frame(
        title=programme.title,
        period=str(period),
        content=programme.version,
        made=bench.now().date().isoformat(),
        fairness=programme.fairness,
        patients=tally.patients,
        unreadable=len(tally.refused),
        operator=programme.operator,
        period_split=programme.period,
    )
    return flask.render_template(
        "quality.html",
        sections=sections_of(analyses, frame),
        people=Markup(people_json(analyses)),  # noqa: S704 - people_json escapes what could end the element
        splits=_SPLITS,
        configured=False,
        asked=asked,
        frame=frame,
        smallest=programme.conventions.smallest_volume,
        refused=_refused(tally.refused),
        downloads=(
            Download("quality.html", "text/html", render_report(analyses, frame, programme.conventions)),
            Download("quality.csv", "text/csv", to_csv(analyses)),
        ),
    )


def _refused(found: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Where records could not be read, without the folder they lay in."""
    return [(Path(place).name, reason) for place, reason in found[:50]]
