"""Score surfaces on two features: where a detector's score is high, and where its 99 % line runs.

Two crowds show what a detector sees and what it does not: a cloud of two correlated columns with a
clump that breaks the correlation within the range of both, and a ring with a clump in its middle.
Up to the line a colour is a share of ordinary rows; beyond it a step is twice the one before.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from features.contracts.vectors import Matrix, Vector
from models.ensemble import Ensemble
from models.fitting.ensemble import DEFAULT, fit_ensemble
from models.fitting.labelled import Explained, Findings, fit_labelled
from models.labelled import Labelled

ENSEMBLE: Final = "ensemble"
LABELLED: Final = "labelled"
COLUMNS: Final = ("first", "second")
N_CROWD: Final = 1_500
N_CLUMP: Final = 6
N_FRESH: Final = 4_000
N_CONFIRMED: Final = 24
N_CLEARED: Final = 48
LINE: Final = 0.99
_SHARES: Final = (0.25, 0.5, 0.75, 0.9, 0.95)
_MIDDLE: Final = _SHARES.index(0.5)
_CLUMP: Final = "#d1495b"
_INK: Final = "#16324f"
_GRID: Final = 80
_MARGIN: Final = 0.45
_DPI: Final = 110


@dataclass(frozen=True, slots=True)
class Crowd:
    """Training rows (the clump last), and fresh ordinary rows that give the 99 % line."""

    title: str
    x: Matrix
    fresh: Matrix
    confirmed: Matrix
    """Cases like the clump, which reviewers confirmed; only the labelled model is shown them."""

    @property
    def ordinary(self) -> Matrix:
        """The training rows without the clump."""
        return self.x[:-N_CLUMP]

    @property
    def clump(self) -> Matrix:
        """The rows that were planted."""
        return self.x[-N_CLUMP:]


@cache
def crowds() -> tuple[Crowd, Crowd]:
    """The two crowds, the same at every call.

    >>> [(crowd.title, crowd.x.shape) for crowd in crowds()]
    [('two columns that go together', (1506, 2)), ('a ring', (1506, 2))]
    """
    rng = np.random.default_rng(2)
    cloud, fresh_cloud = (_cloud(rng, n) for n in (N_CROWD, N_FRESH))
    ring, fresh_ring = (_ring(rng, n) for n in (N_CROWD, N_FRESH))
    n = N_CLUMP + N_CONFIRMED
    off = np.array([1.6, -1.6]) + 0.12 * rng.normal(size=(n, 2))
    middle = 0.05 * rng.normal(size=(n, 2))
    return (
        _crowd("two columns that go together", cloud, fresh_cloud, off),
        _crowd("a ring", ring, fresh_ring, middle),
    )


def _crowd(title: str, x: Matrix, fresh: Matrix, cases: Matrix) -> Crowd:
    """The first cases are the clump among the training rows, the others were reviewed."""
    return Crowd(title, np.concatenate([x, cases[:N_CLUMP]]), fresh, cases[N_CLUMP:])


@cache
def fitted(name: str, crowd: int) -> Ensemble | Labelled:
    """The detector of this name as it serves, fitted on one of the crowds."""
    if name == LABELLED:
        return _reviewed(crowds()[crowd])
    detectors = DEFAULT if name == ENSEMBLE else (name,)
    return fit_ensemble(crowds()[crowd].x, COLUMNS, seed=0, detectors=detectors)


def _reviewed(crowd: Crowd) -> Labelled:
    """What labels make of the ensemble: the cases confirmed, the most unusual others cleared."""
    ensemble = fit_ensemble(crowd.x, COLUMNS, seed=0)
    cleared = crowd.ordinary[np.argsort(-ensemble.score(crowd.ordinary), kind="stable")[:N_CLEARED]]
    events = Explained.of(ensemble, np.concatenate([crowd.confirmed, cleared]))
    confirmed = np.repeat([1.0, 0.0], [N_CONFIRMED, N_CLEARED])
    found = Findings(events, confirmed, np.ones(confirmed.size))
    return fit_labelled(ensemble, found, Explained.of(ensemble, crowd.ordinary), seed=0)


def line(model: Ensemble | Labelled, crowd: Crowd) -> float:
    """The score that one fresh ordinary row in a hundred exceeds."""
    return _exceeded(model.score(crowd.fresh))


def _exceeded(fresh: Vector) -> float:
    return float(np.quantile(fresh, LINE, method="inverted_cdf"))


def draw(name: str, path: Path) -> None:
    """Draw the detector's surfaces on both crowds, side by side, as a PNG."""
    figure = Figure(figsize=(9.8, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    for at, crowd in enumerate(crowds()):
        axes = figure.add_subplot(1, 2, at + 1)
        _panel(figure, axes, crowd, fitted(name, at))
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    figure.savefig(path, format="png", dpi=_DPI, metadata={"Software": None})


def _panel(figure: Any, axes: Any, crowd: Crowd, model: Ensemble | Labelled) -> None:  # noqa: ANN401
    """One crowd: the surface, its 99 % line, the rows."""
    a, b, score = _grid(crowd.x, model.score)
    fresh = model.score(crowd.fresh)
    shares, limit = np.quantile(fresh, _SHARES, method="inverted_cdf"), _exceeded(fresh)
    levels = _levels(score, shares, limit)
    colours = _colours(int((levels <= limit).sum()) - 1, int((levels > limit).sum()))
    filled = axes.contourf(a, b, score, levels, colors=colours)
    bar = figure.colorbar(filled, ax=axes, shrink=0.85, pad=0.02, spacing="uniform")
    bar.set_ticks([*shares, limit], labels=[f"{share:.0%}" for share in (*_SHARES, LINE)])
    bar.set_label("ordinary rows that score lower", fontsize=8)
    bar.ax.tick_params(labelsize=7)
    bar.outline.set_visible(False)
    axes.contour(a, b, score, [limit], colors=[_INK], linewidths=1.8, linestyles="solid")
    axes.plot([], [], color=_INK, linewidth=1.8, label="99 % of ordinary rows score lower")
    axes.plot(*crowd.ordinary.T, ".", color="#5b6770", markersize=2.0, label="training rows")
    axes.plot(
        *crowd.clump.T, "o", color=_CLUMP, markersize=4.5, markeredgecolor="white",
        markeredgewidth=0.6, label=f"planted clump of {N_CLUMP}",
    )  # fmt: skip
    found = float((model.score(crowd.clump) > limit).mean())
    axes.set_title(f"{crowd.title}: {found:.0%} of the clump found", fontsize=10)
    axes.set(xlabel=COLUMNS[0], ylabel=COLUMNS[1], aspect="equal")
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def _levels(score: Matrix, shares: Vector, limit: float) -> Vector:
    """Shares of ordinary rows up to the line, then steps that double beyond it."""
    low, high = float(score.min()), float(score.max())
    step = max(limit - float(shares[_MIDDLE]), 1e-9)
    beyond = limit + step * 2.0 ** np.arange(-1.0, 12.0)
    levels: Vector = np.unique([low, *shares, limit, *beyond[beyond < high], max(high, limit)])
    return levels


def _colours(n_inside: int, n_beyond: int) -> list[Any]:
    """Pale shades up to the line, strong ones beyond it."""
    blues = colormaps["Blues"]
    inside = blues(np.linspace(0.02, 0.32, n_inside))
    return [*inside, *blues(np.linspace(0.5, 1.0, n_beyond))]


def _grid(x: Matrix, score: Callable[[Matrix], Vector]) -> tuple[Matrix, Matrix, Matrix]:
    """Places over the rows' range with a margin, and the score at each."""
    low, high = x.min(axis=0), x.max(axis=0)
    margin = _MARGIN * (high - low).max() / 2
    sides = [np.linspace(low[j] - margin, high[j] + margin, _GRID) for j in range(2)]
    a, b = np.meshgrid(*sides)
    places = np.column_stack([a.ravel(), b.ravel()])
    return a, b, score(places).reshape(a.shape)


def _cloud(rng: np.random.Generator, n: int) -> Matrix:
    first = rng.normal(size=n)
    return np.column_stack([first, 0.9 * first + 0.44 * rng.normal(size=n)])


def _ring(rng: np.random.Generator, n: int) -> Matrix:
    angle, radius = 2.0 * np.pi * rng.random(n), 1.0 + 0.1 * rng.normal(size=n)
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
