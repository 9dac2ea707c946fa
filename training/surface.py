"""Score surfaces on two features: where a detector's score is high, and where its 99 % line runs.

Two crowds show what a detector sees and what it does not: a cloud of two correlated columns with a
clump that breaks the correlation within the range of both, and two moons with a clump in the gap.
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
from models.fitting.ensemble import FITTERS, fit_ensemble

ENSEMBLE: Final = "ensemble"
COLUMNS: Final = ("first", "second")
N_CROWD: Final = 1_500
N_CLUMP: Final = 6
N_FRESH: Final = 4_000
LINE: Final = 0.99
_SHARES: Final = (0.25, 0.5, 0.75, 0.9, 0.95)
_MIDDLE: Final = _SHARES.index(0.5)
_CLUMP: Final = "#d1495b"
_INK: Final = "#16324f"
_GRID: Final = 220
_MARGIN: Final = 0.45
_DPI: Final = 110


@dataclass(frozen=True, slots=True)
class Crowd:
    """Training rows (the clump last), and fresh ordinary rows that give the 99 % line."""

    title: str
    x: Matrix
    fresh: Matrix

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
    [('two columns that go together', (1506, 2)), ('two moons', (1506, 2))]
    """
    rng = np.random.default_rng(2)
    cloud = [_cloud(rng, n) for n in (N_CROWD, N_FRESH)]
    moons = [_moons(rng, n) for n in (N_CROWD, N_FRESH)]
    off = np.array([1.6, -1.6]) + 0.12 * rng.normal(size=(N_CLUMP, 2))
    between = np.array([0.5, 0.25]) + 0.04 * rng.normal(size=(N_CLUMP, 2))
    return (
        Crowd("two columns that go together", np.concatenate([cloud[0], off]), cloud[1]),
        Crowd("two moons", np.concatenate([moons[0], between]), moons[1]),
    )


@cache
def fitted(name: str, crowd: int) -> Ensemble:
    """The detector of this name as it serves, fitted on one of the crowds."""
    detectors = tuple(FITTERS) if name == ENSEMBLE else (name,)
    return fit_ensemble(crowds()[crowd].x, COLUMNS, seed=0, detectors=detectors)


def line(model: Ensemble, crowd: Crowd) -> float:
    """The score that one fresh ordinary row in a hundred exceeds."""
    return float(np.quantile(model.score(crowd.fresh), LINE, method="inverted_cdf"))


def draw(name: str, path: Path) -> None:
    """Draw the detector's surfaces on both crowds, side by side, as a PNG."""
    figure = Figure(figsize=(9.6, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    for at, crowd in enumerate(crowds()):
        axes = figure.add_subplot(1, 2, at + 1)
        _panel(figure, axes, crowd, fitted(name, at))
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    figure.savefig(path, format="png", dpi=_DPI, metadata={"Software": None})


def _panel(figure: Any, axes: Any, crowd: Crowd, model: Ensemble) -> None:  # noqa: ANN401
    """One crowd: the surface, its 99 % line, the rows."""
    a, b, score = _grid(crowd.x, model.score)
    shares = np.quantile(model.score(crowd.fresh), _SHARES, method="inverted_cdf")
    limit = line(model, crowd)
    levels = _levels(score, shares, limit)
    colours = _colours(int((levels <= limit).sum()) - 1, int((levels > limit).sum()))
    filled = axes.contourf(a, b, score, levels, colors=colours)
    bar = figure.colorbar(filled, ax=axes, shrink=0.85, pad=0.02, spacing="uniform")
    bar.set_ticks([*shares, limit], labels=[f"{share:.0%}" for share in (*_SHARES, LINE)])
    bar.ax.tick_params(labelsize=7)
    bar.outline.set_visible(False)
    axes.contour(a, b, score, [limit], colors=[_INK], linewidths=1.8)
    axes.plot([], [], color=_INK, linewidth=1.8, label="99 % of ordinary rows score lower")
    axes.plot(*crowd.ordinary.T, ".", color="#5b6770", markersize=2.0, label="training rows")
    axes.plot(
        *crowd.clump.T, "o", color=_CLUMP, markersize=4.5, markeredgecolor="white",
        markeredgewidth=0.6, label=f"planted clump of {N_CLUMP}",
    )  # fmt: skip
    found = float((model.score(crowd.clump) > limit).mean())
    axes.set_title(f"{crowd.title}: {found:.0%} of the clump found", fontsize=10)
    axes.set(xlabel=COLUMNS[0], ylabel=COLUMNS[1])
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


def _moons(rng: np.random.Generator, n: int) -> Matrix:
    angle = np.pi * rng.random(n)
    upper = np.column_stack([np.cos(angle), np.sin(angle)])
    lower = np.column_stack([1.0 - np.cos(angle), 0.5 - np.sin(angle)])
    moons: Matrix = np.where(rng.random(n)[:, None] < 0.5, upper, lower)  # noqa: PLR2004  (halves)
    return moons + 0.08 * rng.normal(size=(n, 2))
