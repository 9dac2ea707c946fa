"""Each check catches a detector that breaks its promise; a sound plug-in passes them all."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import numpy as np
import pytest

from features.contracts.errors import BundleError
from features.contracts.vectors import Matrix, Vector
from models.arrays import Array, Arrays
from models.checks import (
    Case,
    Report,
    Scorer,
    Subject,
    cases,
    iter_checks,
    iter_ensemble_checks,
    run_checks,
)
from models.fitting.subjects import ensemble_subject
from tests.unit.plug_in import SUBJECT, MedianDistance, fit_median_distance

_CALLS = count()
_ALONE = "row_scores_the_same_alone_and_in_a_batch"
_COPIES = "row_scores_the_same_among_its_copies"
_RING = "ring_of_copies_is_still_flagged"
_THREADS = "threads_do_not_disturb_each_other"


class _NotFinite(MedianDistance):
    """Has no score for a row beyond its bounds."""

    def score(self, x: Matrix) -> Vector:
        scores = super().score(x)
        return np.where(scores == scores.max(), np.nan, scores) if len(x) == 1 else scores


class _LeansOnTheBatch(MedianDistance):
    """Adds a trifle for the company, none for copies of one row."""

    def score(self, x: Matrix) -> Vector:
        return super().score(x) + 1e-12 * (x - x[:1]).any()


class _CountsTwins(MedianDistance):
    """Many identical rows in a batch are taken to be ordinary, whole rings by little."""

    shrink = 0.999

    def score(self, x: Matrix) -> Vector:
        _, place, n = np.unique(x, axis=0, return_inverse=True, return_counts=True)
        scores: Vector = super().score(x) * np.where(n[place] >= 100, self.shrink, 1.0)
        return scores


class _FallsForRings(_CountsTwins):
    """As `_CountsTwins`, until nothing is left."""

    shrink = 0.0


class _HasScratch(MedianDistance):
    """Keeps its working memory on the object."""

    def score(self, x: Matrix) -> Vector:
        object.__setattr__(self, "scratch", super().score(x))
        time.sleep(0.001)
        scratch: Vector = self.__dict__["scratch"]
        return scratch


class _NeedsSpread(MedianDistance):
    """Divides by the spread, constant or not."""

    def contributions(self, x: Matrix) -> tuple[float, Matrix]:
        with np.errstate(divide="ignore", invalid="ignore"):
            return 0.0, super().contributions(x)[1] / (self.spread != 1.0)


class _LovesTheFar(MedianDistance):
    """Higher is more ordinary."""

    def contributions(self, x: Matrix) -> tuple[float, Matrix]:
        return 0.0, -super().contributions(x)[1]


class _Scribbles(MedianDistance):
    """Centres the caller's rows in place, and puts them back not quite as they were."""

    def score(self, x: Matrix) -> Vector:
        scores = super().score(x)
        if x.flags.writeable:
            x[0, 0] = np.nextafter(x[0, 0], np.inf)
        return scores


class _AsksForRowOrder(MedianDistance):
    """Reads the memory, not the rows."""

    def score(self, x: Matrix) -> Vector:
        return super().score(x if x.flags.c_contiguous else x[::-1])


class _TakesAnyWidth(MedianDistance):
    """Ignores further columns, and makes up those that it lacks."""

    def score(self, x: Matrix) -> Vector:
        wide = np.column_stack([x, np.zeros((len(x), self.n_features))])
        return super().score(np.ascontiguousarray(wide[:, : self.n_features]))


class _ExplainsAnotherScore(MedianDistance):
    """Contributions of a score that is larger by a millionth and a bit."""

    def score(self, x: Matrix) -> Vector:
        return super().score(x) * (1.0 + 2e-6)


class _ExplainsInOneColumn(MedianDistance):
    """Adds up, but does not tell columns apart."""

    def contributions(self, x: Matrix) -> tuple[float, Matrix]:
        return 0.0, super().contributions(x)[1].sum(axis=1, keepdims=True)

    def score(self, x: Matrix) -> Vector:
        total: Vector = self.contributions(x)[1][:, 0]
        return total


class _ExplainsByTheBatch(MedianDistance):
    """Shifts between base and parts with the batch."""

    def contributions(self, x: Matrix) -> tuple[float, Matrix]:
        shift = float(len(x))
        return -shift, super().contributions(x)[1] + shift / x.shape[1]

    def score(self, x: Matrix) -> Vector:
        return MedianDistance(self.center, self.spread).score(x)


class _BlamesAnother(MedianDistance):
    """Adds up, but each column is blamed for its neighbour."""

    def contributions(self, x: Matrix) -> tuple[float, Matrix]:
        return 0.0, np.roll(super().contributions(x)[1], 1, axis=1)


class _ForgetsWhenSaved(MedianDistance):
    """Keeps single precision only."""

    def arrays(self) -> dict[str, Array]:
        return {**super().arrays(), "center": self.center.astype(np.float32).astype(np.float64)}


class _TrustsWhatItLoads(MedianDistance):
    """Builds from whatever comes."""

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> "_TrustsWhatItLoads":
        kept = [np.asarray(arrays[name], np.float64) for name in ("center", "spread")]
        return cls(*kept)


@dataclass(frozen=True, eq=False)
class _KeepsAllRows(MedianDistance):
    """Carries the training rows along."""

    x: Matrix = field(default_factory=lambda: np.zeros((1, 1)))

    def arrays(self) -> dict[str, Array]:
        return {**super().arrays(), "x": self.x}


def _broken(kind: type[MedianDistance]) -> Subject:
    """The plug-in, with this class in its place."""

    def fit(x: Matrix, seed: int) -> Scorer:
        sound = fit_median_distance(x, seed=seed)
        return kind(sound.center, sound.spread)

    return Subject(kind.__name__, fit, kind.from_arrays)


def _unsteady(x: Matrix, seed: int) -> Scorer:
    """Another model at every fit."""
    sound = fit_median_distance(x, seed=seed)
    return MedianDistance(sound.center + 1e-9 * next(_CALLS), sound.spread)


def _hoarding(x: Matrix, seed: int) -> Scorer:
    sound = fit_median_distance(x, seed=seed)
    return _KeepsAllRows(sound.center, sound.spread, x)


class _TakesSquareRoots(MedianDistance):
    """Fitting loads, but what cannot be raises in its own words."""

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> "_TakesSquareRoots":
        if "center" not in arrays:
            raise KeyError("center")
        sound = MedianDistance.from_arrays(arrays)
        return cls(sound.center, sound.spread)


_CASES: list[tuple[Subject, set[str]]] = [
    (_broken(_NotFinite), {"scores_are_finite_one_a_row", _ALONE, _COPIES}),
    (_broken(_LeansOnTheBatch), {_ALONE}),
    (_broken(_CountsTwins), {_COPIES}),
    (_broken(_FallsForRings), {_COPIES, _RING}),
    (_broken(_HasScratch), {_THREADS}),
    (replace(SUBJECT, fit=_unsteady), {"same_seed_same_score"}),
    (_broken(_NeedsSpread), {"constant_column_is_survived"}),
    (
        _broken(_LovesTheFar),
        {_RING, "far_rows_rank_high", "the_column_that_differs_contributes_most"},
    ),
    (_broken(_AsksForRowOrder), {"layout_in_memory_does_not_matter"}),
    (_broken(_TakesAnyWidth), {"rows_of_another_width_are_refused"}),
    (_broken(_ExplainsAnotherScore), {"contributions_add_up", "contributions_can_be_grouped"}),
    (_broken(_ExplainsByTheBatch), {"contributions_are_the_same_alone_and_in_a_batch"}),
    (_broken(_BlamesAnother), {"the_column_that_differs_contributes_most"}),
    (_broken(_ForgetsWhenSaved), {"saved_and_loaded_scores_the_same"}),
    (_broken(_TrustsWhatItLoads), {"damaged_arrays_are_refused"}),
    (_broken(_TakesSquareRoots), {"damaged_arrays_are_refused"}),
    (
        Subject("_KeepsAllRows", _hoarding, MedianDistance.from_arrays),
        {"arrays_do_not_grow_with_the_rows", "damaged_arrays_are_refused"},
    ),
]


@pytest.mark.parametrize("case", cases(SUBJECT), ids=str)
def test_the_plug_in_passes_every_check(case: Case) -> None:
    """What a plug-in author would write in a test of his own."""
    case()


def test_a_report_says_that_all_is_well() -> None:
    """Every check is in it once, with its promise and the time it took."""
    report = run_checks(SUBJECT)
    names = [check.__name__ for check in iter_checks()]

    assert report.passed
    assert [f"check_{finding.check}" for finding in report.findings] == names
    assert all(finding.promise and finding.seconds > 0.0 for finding in report.findings)
    assert report.document()["checks"][0]["passed"] is True


@pytest.mark.parametrize(
    ("subject", "expected"), [pytest.param(s, e, id=s.name) for s, e in _CASES]
)
def test_a_broken_promise_is_caught(subject: Subject, expected: set[str]) -> None:
    """By the check of that promise, and by no other than those named."""
    report = run_checks(subject)

    assert set(report.failed) == expected
    assert all(finding.message for finding in report.findings if not finding.passed)


def test_writing_to_the_input_is_caught() -> None:
    """The rows that were handed in are not those that come back."""
    assert "input_is_not_written_to" in run_checks(_broken(_Scribbles)).failed


def test_contributions_of_one_column_are_caught() -> None:
    """Nothing can be grouped, and the column that differs is not named."""
    failed = run_checks(_broken(_ExplainsInOneColumn)).failed

    assert "contributions_can_be_grouped" in failed
    assert "contributions_add_up" not in failed


def test_what_neither_explains_nor_saves_itself_is_told_so() -> None:
    """It may be compared; a crash is a finding with its type."""

    class Bare:
        def score(self, x: Matrix) -> Vector:
            if x.shape[1] != 5 or x.flags.f_contiguous:
                raise TypeError("five columns\nin C order")
            total: Vector = np.square(x).sum(axis=1)
            return total

    report = run_checks(Subject("bare", lambda *_: Bare()))
    told = {finding.check: finding.message for finding in report.findings}

    assert told["contributions_add_up"] == "bare: must explain its scores; it cannot be promoted"
    assert "must have a data-only form" in told["saved_and_loaded_scores_the_same"]
    assert told["layout_in_memory_does_not_matter"] == "raised TypeError: five columns"
    assert not told["far_rows_rank_high"]


class _Whole:
    """An ensemble under check, broken where a test wants it."""

    def __init__(self, sound: Any, **broken: Callable[..., Any]) -> None:
        self.sound, self.broken = sound, broken

    def score(self, x: Matrix) -> Vector:
        scores: Vector = self.broken.get("score", lambda _, x: self.sound.score(x))(self.sound, x)
        return scores

    def contributions(self, x: Matrix) -> tuple[float, Matrix]:
        base, parts = self.sound.contributions(x)
        return base, parts

    def arrange(self, x: Matrix, names: Sequence[str]) -> Matrix:
        columns: Matrix = self.broken.get("arrange", lambda s, x, n: s.arrange(x, n))(
            self.sound, x, names
        )
        return columns


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        (
            {"arrange": lambda sound, x, _: x[:, : sound.n_features]},
            "check_column_order_by_name_does_not_matter",
        ),
        (
            {"score": lambda sound, x: sound.score(np.nan_to_num(x))},
            "check_missing_value_counts_as_the_median",
        ),
        (
            {"score": lambda sound, x: sound.score(x) + 0.0 * x.sum(axis=1)},
            "check_rows_of_which_nothing_is_known_are_survived",
        ),
    ],
)
def test_a_broken_ensemble_is_caught(broken: dict[str, Any], check: str) -> None:
    """Columns in the caller's order, zeros for what is missing, NaN for it."""
    sound = ensemble_subject(("ecdf",))
    subject = replace(sound, fit=lambda x, seed: _Whole(sound.fit(x, seed), **broken))
    run = {each.__name__: each for each in iter_ensemble_checks()}[check]

    run(sound)
    with pytest.raises(BundleError):
        run(subject)


def test_a_detector_is_not_asked_for_names() -> None:
    """The ensemble knows them; what serves by itself is asked."""
    whole = replace(SUBJECT, is_whole=True)
    failed = Report("", tuple(run_checks(whole).findings)).failed

    assert "column_order_by_name_does_not_matter" in failed
    assert len(cases(whole)) == len(cases(SUBJECT)) + 3
