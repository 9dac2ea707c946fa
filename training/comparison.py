"""What a comparison says, one line a contestant, as plain data that a table and a tracker read."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import polars as pl

from features.contracts.vectors import Vector
from training.contestant import Result
from training.quality import Mask, auc, average_precision, overlap, precision_at, spearman
from training.rank import n_reviews

_DIGITS: Final = 4
_KINDS: Final = {
    "contributions": frozenset(
        {
            "contributions_add_up",
            "contributions_can_be_grouped",
            "contributions_are_the_same_alone_and_in_a_batch",
            "the_column_that_differs_contributes_most",
        }
    ),
    "saved form": frozenset(
        {
            "saved_and_loaded_scores_the_same",
            "damaged_arrays_are_refused",
            "arrays_do_not_grow_with_the_rows",
        }
    ),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One contestant; what is not known, or does not apply, is None.

    `spearman` and `top_overlap` compare with the reference of the comparison; `precision` and
    `top_overlap` look at the rows that the budget pays for.
    """

    detector: str
    status: str
    fit_s: float | None = None
    row_us: float | None = None
    batch_row_us: float | None = None
    mb: float | None = None
    auc: float | None = None
    ap: float | None = None
    precision: float | None = None
    spearman: float | None = None
    top_overlap: float | None = None
    n_checks: int = 0
    fails: tuple[str, ...] = ()
    note: str = ""

    @property
    def may_be_promoted(self) -> bool:
        """Whether every conformance check was run and passed."""
        return self.status == "ok" and self.n_checks > 0 and not self.fails and not self.note

    @property
    def told(self) -> str:
        """What became of it, in one line.

        >>> Line("x", "ok", fails=("far_rows_rank_high",), n_checks=18).told
        'may be compared, cannot be promoted; fails 1 of 18 checks: far rows rank high'
        >>> Line("x", "ok", n_checks=18).told
        'passes all 18 checks'
        >>> Line("x", "ok", n_checks=17, note="its process ended").told
        'not shown to keep all promises: none of 17 checks failed; its process ended'
        """
        if self.status != "ok":
            return f"{self.status}: {self.note}"
        if self.may_be_promoted:
            return f"passes all {self.n_checks} checks"
        if not self.fails:
            known = f"none of {self.n_checks} checks failed"
            return f"not shown to keep all promises: {known}; {self.note}"
        failed = f"fails {len(self.fails)} of {self.n_checks} checks: {self._lacks}"
        parts = ["may be compared, cannot be promoted", self.note, failed]
        return "; ".join(part for part in parts if part)

    @property
    def _lacks(self) -> str:
        """The checks it fails, those that fail together under one name."""
        left, kinds = list(self.fails), list[str]()
        for kind, checks in _KINDS.items():
            if checks <= set(left):
                left = [name for name in left if name not in checks]
                kinds.append(f"no {kind}")
        return ", ".join([*(name.replace("_", " ") for name in left), *kinds])

    def metrics(self) -> dict[str, float]:
        """The numbers that a run is compared by."""
        numbers = {name: value for name, value in asdict(self).items() if isinstance(value, float)}
        return {**numbers, "n_checks": float(self.n_checks), "n_failed": float(len(self.fails))}


@dataclass(frozen=True, slots=True)
class Comparison:
    """All lines, and what they were measured on."""

    scenario: str
    reference: str
    """What scores are compared with: `champion <digest>`, `default`, or nothing."""
    budget: float
    n_fit: int
    n_held_out: int
    n_features: int
    n_planted: int | None
    lines: tuple[Line, ...]

    def frame(self) -> pl.DataFrame:
        """One row a contestant, in the order in which they were named."""
        rows = [
            {
                **{name: _short(value) for name, value in asdict(line).items() if name != "fails"},
                "may_be_promoted": line.may_be_promoted,
                "fails": ";".join(line.fails),
            }
            for line in self.lines
        ]
        return pl.DataFrame(rows, infer_schema_length=None)

    def document(self) -> dict[str, Any]:
        """The comparison as plain data."""
        return {
            **{name: value for name, value in asdict(self).items() if name != "lines"},
            "lines": [
                {**asdict(line), "may_be_promoted": line.may_be_promoted} for line in self.lines
            ],
        }


@dataclass(frozen=True, slots=True)
class Yardstick:
    """What scores of the held-out rows are judged by."""

    budget: float
    reference: Vector | None = None
    is_planted: Mask | None = None

    def line(self, result: Result) -> Line:
        """The line of one result."""
        measured = result.measured
        if measured is None:
            return Line(result.name, result.status, note=result.note)
        k = n_reviews(len(measured.score), self.budget)
        judged = {} if self.is_planted is None else _judged(measured.score, self.is_planted, k)
        compared = {} if self.reference is None else _compared(measured.score, self.reference, k)
        return Line(
            detector=result.name,
            status=result.status,
            fit_s=measured.fit_s,
            row_us=measured.row_us,
            batch_row_us=measured.batch_row_us,
            mb=measured.mb,
            n_checks=result.n_checks,
            fails=tuple(result.failed),
            note=result.note,
            **judged,
            **compared,
        )


def ordered(names: Sequence[str], lines: Sequence[Line]) -> tuple[Line, ...]:
    """The lines in the order of the names."""
    by_name = {line.detector: line for line in lines}
    return tuple(by_name[name] for name in names)


def _judged(score: Vector, is_planted: Mask, k: int) -> dict[str, float | None]:
    return {
        "auc": _known(auc(score, is_planted)),
        "ap": _known(average_precision(score, is_planted)),
        "precision": _known(precision_at(score, is_planted, k)),
    }


def _compared(score: Vector, reference: Vector, k: int) -> dict[str, float | None]:
    return {
        "spearman": _known(spearman(score, reference)),
        "top_overlap": _known(overlap(score, reference, k)),
    }


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _short(value: object) -> object:
    """Floats to a few significant digits, as far as a table needs them."""
    return (
        float(np.format_float_positional(value, precision=_DIGITS, fractional=False))
        if isinstance(value, float)
        else value
    )
