"""Runs the parts of a benchmark, shows their figures beside their bars and writes them down.

What was found is written after every part, so that a run that is broken off leaves the rest.
"""

import argparse
import json
import os
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from serving.cli import show
from tests.bench.bars import Bar
from tests.bench.finding import Finding, Size, Tell

_MET: Final = {True: "yes", False: "no", None: ""}


@dataclass(frozen=True)
class Part:
    """What is measured together: the keys it gives, and how, given those that are wanted."""

    keys: tuple[str, ...]
    measure: Callable[[Sequence[str], Size, Tell], Finding]


@dataclass(frozen=True)
class Figure:
    """A figure beside its bar."""

    key: str
    what: str
    value: float
    bar: str
    met: bool | None


@dataclass(frozen=True)
class Suite:
    """A benchmark: its parts, the bars of their figures, its full size and where they are kept.

    `libraries` are those whose versions are written down.
    """

    title: str
    parts: Sequence[Part]
    bars: Mapping[str, Bar]
    full: Size
    out: Path
    libraries: Sequence[str]

    def run(self, description: str | None) -> None:
        """Measure what the command line asks for; fail where cells or values differ."""
        wanted, size = self._asked(description)
        found: list[Finding] = []
        with _telling() as tell:
            for part in self.parts:
                keys = [key for key in part.keys if key in wanted]
                if keys:
                    found.append(part.measure(keys, size, tell))
                    self._write(found, size)
        self._show(found, size)
        different = sum(finding.different for finding in found)
        if different:
            raise SystemExit(f"{different:,} values differ; {self.out} says where")

    def _asked(self, description: str | None) -> tuple[list[str], Size]:
        parser = argparse.ArgumentParser(description=description)
        known = [key for part in self.parts for key in part.keys]
        parser.add_argument("--only", nargs="+", choices=known, default=known, metavar="KEY")
        parser.add_argument("--rows", type=int)
        parser.add_argument("--quick", action="store_true")
        asked = parser.parse_args()
        plain = Size(self.full.rows // 10, 1) if asked.quick else self.full
        return asked.only, Size(asked.rows or plain.rows, plain.rounds)

    def _write(self, found: Sequence[Finding], size: Size) -> None:
        """Write down what was found so far."""
        content = {
            "rows": size.rows,
            "rounds": size.rounds,
            "machine": self._machine(),
            "figures": {figure.key: asdict(figure) for figure in self._figures(found, size)},
            "detail": {key: value for finding in found for key, value in finding.detail.items()},
        }
        self.out.parent.mkdir(parents=True, exist_ok=True)
        self.out.write_text(json.dumps(content, indent=2), encoding="utf-8")

    def _show(self, found: Sequence[Finding], size: Size) -> None:
        rows = [
            (figure.key, f"{figure.value:,.4g}", figure.bar, _MET[figure.met], figure.what)
            for figure in self._figures(found, size)
        ]
        title = f"{self.title}: {size.rows:,} rows, {size.rounds} rounds"
        show.table(title, ["figure", "value #", "bar #", "met", "what"], rows)

    def _figures(self, found: Sequence[Finding], size: Size) -> list[Figure]:
        values = {key: value for finding in found for key, value in finding.values.items()}
        return [self._figure(key, values[key], size) for key in self.bars if key in values]

    def _figure(self, key: str, value: float, size: Size) -> Figure:
        bar = self.bars[key]
        met = bar.met(value) if size.rows == self.full.rows else None
        return Figure(key, bar.what, value, bar.text, met)

    def _machine(self) -> dict[str, object]:
        return {
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            **{name: version(name) for name in self.libraries},
        }


@contextmanager
def _telling() -> Iterator[Tell]:
    with Progress(
        SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=show.err
    ) as bar:
        task = bar.add_task("")
        yield lambda text: bar.update(task, description=text)
