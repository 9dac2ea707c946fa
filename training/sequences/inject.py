"""An event log with a share of its cases distorted, and which cases those are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np

from features.contracts.errors import InputError
from features.sources.rows import RawRow
from training.sequences.distort import (
    DISTORTIONS,
    FEWEST_STEPS,
    Step,
    Steps,
    Vocabulary,
)
from training.simulation.columns import stream

SHARE: Final = 0.1
CASE: Final = "trace:concept:name"
ACTIVITY: Final = "event:concept:name"
OFFICER: Final = "event:org:resource"
AT: Final = "event:time:timestamp"
"""Attributes of the standard extensions of XES (IEEE 1849)."""


@dataclass(frozen=True)
class Injected:
    """Rows of a log, and the type of distortion of each case that was distorted."""

    rows: tuple[RawRow, ...]
    types: Mapping[str, str]
    n_cases: int

    @property
    def shares(self) -> Mapping[str, float]:
        """The share of all cases that each type was applied to."""
        found = list(self.types.values())
        return {name: found.count(name) / self.n_cases for name in DISTORTIONS}


def inject(rows: Sequence[RawRow], *, seed: int, share: float = SHARE) -> Injected:
    """Distort `share` of the cases of a log, the types in equal parts.

    Cases are drawn among those of three steps or more; all others stay as they are. One seed gives
    one log.

    Raises
    ------
    InputError
        The share is none, a row lacks an attribute, or the log has too few cases.
    """
    if not 0.0 < share < 1.0:
        raise InputError(f"a share of {share} of the cases cannot be distorted; name one in (0, 1)")
    cases = cases_of(rows)
    words = Vocabulary(_words(rows, ACTIVITY), _words(rows, OFFICER))
    able = [case for case, steps in cases.items() if len(steps) >= FEWEST_STEPS]
    n = round(share * len(cases))
    if not 0 < n <= len(able) or len(words.officers) < 2:  # noqa: PLR2004  (another one)
        raise InputError(
            f"{n} of {len(cases)} cases are to be distorted, {len(able)} have {FEWEST_STEPS} steps "
            f"and there are {len(words.officers)} officers; take a longer log"
        )
    rng = stream(seed, "distorted cases")
    drawn = [able[k] for k in rng.permutation(len(able))[:n].tolist()]
    kinds = list(DISTORTIONS)
    types = {case: kinds[k % len(kinds)] for k, case in enumerate(drawn)}
    out: list[RawRow] = []
    for case, steps in cases.items():
        out += _distorted(steps, types[case], words, rng) if case in types else steps
    return Injected(tuple(out), types, len(cases))


def cases_of(rows: Sequence[RawRow]) -> dict[str, list[RawRow]]:
    """The rows of each case of a log, cases in the order of the log.

    Raises
    ------
    InputError
        A row lacks an attribute.
    """
    cases: dict[str, list[RawRow]] = {}
    for row in rows:
        for name in (CASE, ACTIVITY, AT):
            if name not in row.cells:
                raise InputError(f"line {row.line}: the event has no {name}; a log needs it")
        cases.setdefault(row.cells[CASE], []).append(row)
    return cases


def _words(rows: Sequence[RawRow], name: str) -> tuple[str, ...]:
    return tuple(sorted({row.cells[name] for row in rows if row.cells.get(name)}))


def _distorted(
    rows: Sequence[RawRow], kind: str, words: Vocabulary, rng: np.random.Generator
) -> list[RawRow]:
    steps: Steps = tuple(
        Step(
            row.cells[ACTIVITY],
            row.cells.get(OFFICER, ""),
            datetime.fromisoformat(row.cells[AT]),
            place,
        )
        for place, row in enumerate(rows)
    )
    return [
        _row(rows[step.row], position, step)
        for position, step in enumerate(DISTORTIONS[kind](steps, words, rng), 1)
    ]


def _row(like: RawRow, position: int, step: Step) -> RawRow:
    """The row of a step; its other attributes are those of the event that it comes from."""
    own = {ACTIVITY: step.activity, OFFICER: step.officer, AT: step.at.isoformat()}
    cells = {name: text for name, text in {**like.cells, **own}.items() if text}
    return RawRow(like.line, position, cells)
