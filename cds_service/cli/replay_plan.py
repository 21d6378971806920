"""What a replay is asked to do, and the sides of it: one version of the content, or a running service."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cds_service.cli.apply import WrongUsage
from cds_service.knowledge.knowledge import Knowledge
from cds_service.knowledge.loading import LoadOptions, load_knowledge
from cds_service.replay import dask_engine, local_engine
from cds_service.replay.content_files import digest
from cds_service.replay.inputs import Item
from cds_service.replay.parts import Parts
from cds_service.replay.peers import Peer
from cds_service.replay.results import Result
from cds_service.replay.running import Runner, RunOptions
from cds_service.replay.tallies import Tally
from cds_service.settings import Settings, default_content


@dataclass(frozen=True, slots=True)
class Plan:
    """How everything is run."""

    options: RunOptions
    base: str
    folders: tuple[Path, ...]
    engine: str
    scheduler: str | None
    processes: int
    has_baseline: bool
    continues: bool
    """Whether what is done stays when the run is interrupted."""

    @classmethod
    def of(cls, args: argparse.Namespace, settings: Settings, started: datetime) -> Plan:
        """The plan that the command line asks for."""
        options = RunOptions(
            as_of=args.as_of,
            started=started,
            hook=args.hook,
            service=args.service,
            orders=tuple(args.order),
            strict=args.strict,
        )
        packaged = (default_content(),) if settings.packaged_content else ()
        return cls(
            options=options,
            base=settings.canonical,
            folders=(*packaged, *settings.content),
            engine=args.engine,
            scheduler=args.scheduler,
            processes=max(1, args.processes),
            has_baseline=bool(args.baseline),
            continues=args.out is not None,
        )

    @property
    def fingerprint(self) -> str:
        """What results depend on, besides content and input."""
        return repr((self.options, self.base))


@dataclass(frozen=True, slots=True)
class Side:
    """One side: its name, what its results depend on, and the means to run it."""

    name: str
    fingerprint: str
    folders: tuple[Path, ...]
    runner: Runner | None
    run: Callable[[Item], Result]
    is_peer: bool = False

    @property
    def worst_first(self) -> tuple[str, ...]:
        """Ratings in the order of the content, worst first."""
        knowledge = self.runner.knowledge if self.runner is not None else None
        policies = knowledge.policies if knowledge is not None else ()
        return tuple(policies[0].worst_first) if policies else ()

    def do(self, parts: Parts, plan: Plan) -> Iterator[tuple[int, Tally]]:
        """Do what is missing; yields each slice as it is done."""
        if plan.engine == "dask" and not self.is_peer:
            return dask_engine.run_parts(parts, self.folders, plan.base, plan.options, plan.scheduler, plan.processes)
        return local_engine.run_parts(parts, self.run, 1 if self.is_peer else plan.processes)


LoadContent = Callable[[Sequence[Path], str], Knowledge]
"""Content folders and the canonical base in, knowledge out."""


def load_folders(folders: Sequence[Path], base: str) -> Knowledge:
    """The knowledge in some folders."""
    return load_knowledge(list(folders), options=LoadOptions(base=base))


def side_of(plan: Plan, load_content: LoadContent, content: Sequence[Path] | None, baseline: str | None = None) -> Side:
    """The side that decides with some content, or that asks a running service."""
    if baseline is not None and baseline.startswith(("http://", "https://")):
        folders = tuple(content) if content else plan.folders
        runner = Runner(load_content(folders, plan.base), plan.options)
        peer = Peer(baseline, runner)
        peer.connect()
        return Side(baseline, baseline, (), runner, peer.run, is_peer=True)
    folders = (Path(baseline),) if baseline is not None else tuple(content) if content else plan.folders
    for folder in folders:
        if not folder.is_dir():
            raise WrongUsage(f"There is no content at {folder}: no such folder.")
    runner = Runner(load_content(folders, plan.base), plan.options)
    _check_wish("hook", plan.options.hook, {service.hook for service in runner.knowledge.services.values()})
    _check_wish("service", plan.options.service, runner.knowledge.services.keys())
    name = ", ".join(map(str, folders))
    return Side(name, digest(folders), folders, runner, runner.run)


def _check_wish(what: str, wanted: str | None, known: Collection[str]) -> None:
    if wanted is not None and wanted not in known:
        raise WrongUsage(f"There is no {what} {wanted} here, but {', '.join(sorted(known))}.")
