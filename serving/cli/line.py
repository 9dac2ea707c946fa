"""The main job as one line: files in, models out, events scored over HTTP, findings shown."""

import hashlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, count
from pathlib import Path
from typing import Any, Final, Literal

import polars as pl
from pydantic import SecretStr

from features.calendar import Calendar
from features.contracts.errors import BundleError, InputError, LedgerError
from features.contracts.events import Event
from features.contracts.settings import Settings
from features.scenarios import catalog
from features.sources.ingest import ingest
from features.sources.mapping import Mapping
from features.sources.quality import QualityReport
from features.store.ledger import Ledger
from serving.cli import show
from serving.cli.client import ScoreClient
from training.promote import Promotion, promote
from training.train import TrainingResult, train

_START_S: Final = 1800.0
"""How long a service may take to be ready: a first start compiles its kernels, which on a slow or
busy machine takes minutes."""
_TOLD_S: Final = 10.0
"""After how long it is told what takes so long."""
_STOP_S: Final = 20.0
_MARK: Final = ".lianjing-run"


@dataclass
class Line:
    """One installation under `home`, and the steps of the main job on it."""

    home: Path
    port: int = 0
    api_key: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    console_key: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    pseudonym_key: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    def __post_init__(self) -> None:
        self.port = self.port or free_port()
        self.settings = Settings(
            home=self.home,
            port=self.port,
            api_key_sha256=_sha256(self.api_key),
            console_key_sha256=_sha256(self.console_key),
            pseudonym_key=SecretStr(self.pseudonym_key),
        )

    @property
    def pid_file(self) -> Path:
        """Where the service's process id is kept."""
        return self.home / "service.pid"

    @property
    def url(self) -> str:
        """Where the service answers."""
        return f"http://{self.settings.host}:{self.port}"

    def ingest(self, paths: Sequence[Path], mapping: str) -> QualityReport:
        """Read files into the ledger and keep the quality report."""
        declared = Mapping.load(mapping)
        with self.ledger() as ledger, show.progress(f"ingest {declared.name}") as tick:
            report = ingest(
                paths, mapping=declared, ledger=ledger, settings=self.settings, progress=tick
            )
        keep_report(self.settings, report)
        return report

    def train(
        self, scenario: str, *, until: datetime | None = None, truth: pl.DataFrame | None = None
    ) -> tuple[TrainingResult, Promotion]:
        """Train on what happened before `until`, and promote the challenger.

        Raises
        ------
        BundleError
            The gate refused it.
        """
        declared = catalog.load(scenario, self.settings.rules)
        with self.ledger() as ledger:
            with show.progress(f"features of {scenario}") as tick:
                result = train(
                    self.settings, ledger, declared, until=until, truth=truth, progress=tick
                )
            promotion = promote(self.settings, ledger, declared, by="lianjing")
        if not promotion.accepted:
            message = f"{scenario}: the gate said no: {'; '.join(promotion.reasons)}"
            raise BundleError(message)
        return result, promotion

    @contextmanager
    def ledger(self) -> Iterator[Ledger]:
        """The ledger, open for one step."""
        ledger = Ledger.open(self.settings.ledger)
        try:
            yield ledger
        finally:
            ledger.close()

    @contextmanager
    def service(self, *, keep: bool = False) -> Iterator[ScoreClient]:
        """A running service and its client; it is stopped at the end, or kept if all went well."""
        self.home.mkdir(parents=True, exist_ok=True)
        with (self.home / "service.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "serving.cli", "serve"],
                env=os.environ | self.environment(),
                stdout=log,
                stderr=log,
                start_new_session=keep,
            )
        self.pid_file.write_text(f"{process.pid}\n", encoding="utf-8")
        is_kept = False
        try:
            with ScoreClient(self.url, self.api_key) as client:
                self._wait(process, client)
                yield client
            is_kept = keep
        finally:
            if not is_kept:
                stop(process)

    def environment(self) -> dict[str, str]:
        """The settings as environment variables, for a service or a shell."""
        return {
            "LIANJING_HOME": str(self.home.resolve()),
            "LIANJING_STORE": self.settings.store.get_secret_value(),
            "LIANJING_PORT": str(self.port),
            "LIANJING_API_KEY_SHA256": self.settings.api_key_sha256,
            "LIANJING_CONSOLE_KEY_SHA256": self.settings.console_key_sha256,
            "LIANJING_PSEUDONYM_KEY": self.pseudonym_key,
        }

    def _wait(self, process: subprocess.Popen[bytes], client: ScoreClient) -> None:
        began, is_told, log = time.monotonic(), False, self.home / "service.log"
        while not client.ready():
            waited = time.monotonic() - began
            if process.poll() is not None:
                raise LedgerError(f"the service ended before it was ready; see {log}")
            if waited > _START_S:
                minutes = f"{_START_S / 60:.0f} minutes"
                raise LedgerError(f"the service was not ready after {minutes}; see {log}")
            if waited > _TOLD_S and not is_told:
                show.say("starting the service; a first start compiles its kernels, for minutes")
                is_told = True
            time.sleep(0.1)


@dataclass(frozen=True, slots=True)
class Answered:
    """What scoring a stretch of events over HTTP gave: verdicts in time order, seconds a call."""

    events: list[Event]
    verdicts: list[dict[str, Any]]
    seconds: list[float]


def stop(process: subprocess.Popen[bytes], *, patience_s: float = _STOP_S) -> None:
    """End `process`: ask, and after some patience kill."""
    process.terminate()
    try:
        process.wait(timeout=patience_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def is_to_score(events: Iterable[Event], scored: Sequence[str]) -> Iterator[bool]:
    """Whether each event is scored: one of a later kind of `scored` is not after an earlier one's.

    A payment whose request was scored is history; one that nothing came before is scored itself.
    """
    earliest: dict[str, int] = {}
    for event in events:
        if event.kind not in scored:
            yield False
            continue
        place = scored.index(event.kind)
        yield earliest.setdefault(event.event_id, place) >= place
        earliest[event.event_id] = min(earliest[event.event_id], place)


def score_all(client: ScoreClient, events: Sequence[Event], scored: Sequence[str]) -> Answered:
    """Send `events` in order, some to be scored (`is_to_score`) and the others as history."""
    asked, verdicts, seconds = [], [], []
    with show.progress("score over HTTP") as tick:
        pairs = zip(events, is_to_score(events, scored), strict=True)
        for done, (event, is_scored) in enumerate(pairs, 1):
            if not is_scored:
                client.tell(event)
            else:
                began = time.perf_counter()
                verdict = client.score(event)
                seconds.append(time.perf_counter() - began)
                asked.append(event)
                verdicts.append(verdict)
            tick(done, len(events), event.kind)
    return Answered(asked, verdicts, seconds)


class Collected:
    """Stands in for a ledger where files are only to be read: keeps the events of a load."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.learned_us: list[int] = []

    def declare(self, scenario: str, *, currency: str, calendar: Calendar) -> None:
        """Take note of nothing."""

    def admit(
        self, events: Sequence[Event], *, observed_us: Sequence[int]
    ) -> list[Literal["accepted", "duplicate", "conflict"]]:
        """Keep all events, and when each was learned."""
        self.events, self.learned_us = list(events), list(observed_us)
        return ["accepted"] * len(events)


def read_files(
    paths: Sequence[Path], mapping: str, settings: Settings
) -> tuple[QualityReport, list[Event]]:
    """Read `paths` as a load would and store nothing: the report, and the events as learned.

    They are what a platform would send: the service's own door replaces what is personal.
    """
    collected = Collected()
    report = ingest(
        paths,
        mapping=Mapping.load(mapping),
        ledger=collected,
        settings=settings,
        in_clear=True,
    )
    return report, collected.events


def read_events(paths: Sequence[Path], mapping: str, settings: Settings) -> list[Event]:
    """The events of `paths` in time order, where the report on them is known already."""
    return read_files(paths, mapping, settings)[1]


def clear(home: Path) -> None:
    """Empty `home` for a new run, if it is one of ours.

    Raises
    ------
    InputError
        The folder holds something else; it is left alone.
    """
    mark = home / _MARK
    if home.exists() and not (mark.is_file() or (home / "ledger.db").is_file()):
        if not home.is_dir() or any(home.iterdir()):
            message = f"{home}: not made by an earlier run; name an empty or a new folder"
            raise InputError(message)
    elif home.exists():
        shutil.rmtree(home)
    home.mkdir(parents=True, exist_ok=True)
    mark.touch()


def fresh_line(home: Path) -> Line:
    """A line on an emptied `home`, whose ledger is empty as well.

    Raises
    ------
    InputError
        The folder, or the database that is named, holds something else; it is left alone.
    """
    line = Line(home)
    if line.settings.has_store:
        with line.ledger() as ledger:
            held = ledger.head
        if held:
            message = (
                f"LIANJING_STORE names a database that holds {held} events; name an empty one for "
                "this run, or unset it"
            )
            raise InputError(message)
    clear(home)
    return line


def keep_report(settings: Settings, report: QualityReport) -> Path:
    """Write the quality report beside earlier ones; return the path of the readable form."""
    settings.reports.mkdir(parents=True, exist_ok=True)
    names = chain([""], (f"-{number}" for number in count(2)))
    places = (settings.reports / f"quality-{report.mapping}{name}.md" for name in names)
    path = next(place for place in places if not place.exists())
    path.write_text(report.to_markdown(), encoding="utf-8")
    path.with_suffix(".json").write_text(report.to_json(), encoding="utf-8")
    return path


def free_port() -> int:
    """A port of the loopback address that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
