"""Feature tables written to a file: from the ledger, from event files, or through a mapping."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

from features import batch, frames
from features.build import Built
from features.build import build as build_files
from features.contracts.errors import InputError
from features.contracts.settings import Settings
from features.scenarios import catalog
from features.sources.ingest import ingest
from features.sources.mapping import Mapping as FileMapping
from features.sources.quality import RejectionGroup
from features.spec import Scenario
from features.store.ledger import Ledger
from serving.cli.options import Engine
from serving.cli.setting import open_ledger

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be built, from what, and where it goes."""

    scenario: str
    out: Path
    files: Sequence[Path] = ()
    sources: Mapping[str, Sequence[Path]] = field(default_factory=dict)
    mapping: str = ""
    engine: Engine = Engine.LOCAL


@dataclass(frozen=True, slots=True)
class Done:
    """What was written, and the rows of the files that were not taken."""

    built: Built
    rejections: tuple[RejectionGroup, ...] = ()


def build(settings: Settings, asked: Asked, *, progress: Progress | None = None) -> Done:
    """Write the features of a scenario, all or nothing.

    Raises
    ------
    InputError
        The request contradicts itself.
    NotFoundError
        No files are named, and there is no ledger.
    """
    scenario = catalog.load(asked.scenario, settings.rules)
    _check(asked)
    if asked.engine is not Engine.LOCAL:
        return Done(_on_cluster(scenario, asked, progress))
    frames.check_suffix(asked.out)
    if asked.mapping:
        return _through_mapping(settings, scenario, asked, progress)
    if asked.files:
        made = build_files(
            asked.files, scenario, asked.out, sources=asked.sources, progress=progress
        )
        return Done(made)
    with open_ledger(settings) as ledger:
        return Done(_of_ledger(ledger, scenario, asked.out, progress))


def by_name(pairs: Sequence[str]) -> dict[str, list[Path]]:
    """Files by the scenario that they hold events of, from texts `SCENARIO=FILE`.

    Raises
    ------
    InputError
        A text has no equals sign.

    >>> sorted(by_name(["payouts=a.parquet", "payouts=b.parquet"]))
    ['payouts']
    """
    found: dict[str, list[Path]] = {}
    for pair in pairs:
        name, sign, path = pair.partition("=")
        if not sign:
            raise InputError(f"--source {pair!r}: write SCENARIO=FILE")
        found.setdefault(name, []).append(Path(path))
    return found


def _check(asked: Asked) -> None:
    if asked.files:
        if asked.mapping and asked.engine is not Engine.LOCAL:
            message = f"--mapping reads in this process; drop it, or --engine {asked.engine}"
            raise InputError(message)
        return
    for option, given in (
        ("--mapping", asked.mapping),
        ("--source", asked.sources),
        (f"--engine {asked.engine}", asked.engine is not Engine.LOCAL),
    ):
        if given:
            raise InputError(f"{option} is for event files; name them with --from")


def _of_ledger(ledger: Ledger, scenario: Scenario, out: Path, progress: Progress | None) -> Built:
    table = batch.build(ledger, scenario, progress=progress)
    frames.write(table, out)
    return Built(len(table), len(table.names), out)


def _through_mapping(
    settings: Settings, scenario: Scenario, asked: Asked, progress: Progress | None
) -> Done:
    """The files as a ledger of their own would hold them, which goes when it was read."""
    mapping = FileMapping.load(asked.mapping)
    if mapping.scenario != scenario.name:
        message = f"mapping {mapping.name!r} is for {mapping.scenario}, not for {scenario.name}"
        raise InputError(message)
    ledger = Ledger.in_memory()
    report = ingest(asked.files, mapping=mapping, ledger=ledger, settings=settings)
    built = _of_ledger(ledger, scenario, asked.out, progress)
    ledger.close()
    return Done(built, tuple(report.rejections))


def _on_cluster(scenario: Scenario, asked: Asked, progress: Progress | None) -> Built:
    cluster = import_module("features.cluster")  # an extra, and seldom needed
    built: Built = cluster.build(
        asked.files,
        scenario,
        asked.out,
        engine=str(asked.engine),
        sources=asked.sources,
        progress=progress,
    )
    return built
