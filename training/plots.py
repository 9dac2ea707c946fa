"""Plots of a fit and its evaluation, one PNG a question.

Drawn on figures of their own with the Agg canvas: no global state of matplotlib is touched.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from training.evaluate import Judged
from training.evaluation import ARMS, Evaluation, Truth
from training.fitted import Fitted

MODEL, RULES, BOTH, GREY = "#1f5fa8", "#c07a1c", "#2f7d4f", "#8a8f98"
COLOURS: Final = {"model": MODEL, "rules": RULES, "both": BOTH}
_N_BARS: Final = 25
_DPI: Final = 110


def draw(fitted: Fitted, judged: Judged, evaluation: Evaluation, folder: Path) -> tuple[Path, ...]:
    """Draw what there is to draw into `folder` and name the files."""
    folder.mkdir(parents=True, exist_ok=True)
    plots: dict[str, Callable[[Any], None]] = {
        "scores": lambda axes: _scores(axes, fitted, judged),
        "contributions": lambda axes: _contributions(axes, evaluation),
        "coverage": lambda axes: _coverage(axes, fitted),
    }
    truth = evaluation.truth
    if truth is not None and truth.n_cases:
        plots["precision"] = lambda axes: _precision(axes, truth)
        plots["recall"] = lambda axes: _recall(axes, truth)
    return tuple(save(plot, folder / f"{name}.png") for name, plot in plots.items())


def save(plot: Callable[[Any], None], path: Path) -> Path:
    """Draw one plot on a figure of its own and write it as PNG."""
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    plot(axes)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=_DPI, metadata={"Software": None})
    return path


def _scores(axes: Any, fitted: Fitted, judged: Judged) -> None:  # noqa: ANN401  (untyped library)
    both = np.concatenate([fitted.calibrate_score, judged.score])
    edges = np.linspace(both.min(), both.max(), 61)
    slices = (
        ("calibration", fitted.calibrate_score, GREY),
        (judged.judged_on, judged.score, MODEL),
    )
    for label, score, colour in slices:
        weights = np.full(len(score), 1 / max(len(score), 1))
        axes.hist(score, edges, weights=weights, histtype="step", color=colour, label=label)
    threshold = fitted.bundle.threshold
    if np.isfinite(threshold):
        axes.axvline(threshold, color=RULES, label=f"budget {fitted.budget:.1%}")
    axes.set(yscale="log", xlabel="score", ylabel="share of events", title="Scores")
    axes.legend(frameon=False)


def _contributions(axes: Any, evaluation: Evaluation) -> None:  # noqa: ANN401
    top = list(evaluation.mean_contribution.items())[:_N_BARS][::-1]
    _bars(axes, [name for name, _ in top], [value for _, value in top])
    axes.set(xlabel="mean |contribution| to the score", title="What the alerts differ in")


def _coverage(axes: Any, fitted: Fitted) -> None:  # noqa: ANN401
    features = sorted(fitted.coverage.features, key=lambda feature: feature.ok_share)[:_N_BARS]
    colours = [MODEL if feature.is_used else GREY for feature in features]
    _bars(axes, [item.name for item in features], [item.ok_share for item in features], colours)
    axes.set(xlim=(0, 1), xlabel="share of events (grey: left out)", title="Least known features")


def _precision(axes: Any, truth: Truth) -> None:  # noqa: ANN401
    budgets = [point.budget for point in truth.curve]
    for arm in ARMS:
        values = [getattr(point, arm) for point in truth.curve]
        axes.plot(budgets, values, "o-", color=COLOURS[arm], label=arm)
    axes.set(xscale="log", ylim=(0, 1), xlabel="budget (share of events)", ylabel="precision")
    axes.set_title("Reviews that find a planted case")
    axes.legend(frameon=False)


def _recall(axes: Any, truth: Truth) -> None:  # noqa: ANN401
    labels = [f"{row.typology} {row.severity} ({row.n_cases})" for row in truth.recalls]
    at = np.arange(len(labels), dtype=np.float64)
    for shift, arm in enumerate(ARMS):
        shares = [getattr(row, arm) / row.n_cases for row in truth.recalls]
        axes.barh(at + (1 - shift) * 0.27, shares, 0.25, color=COLOURS[arm], label=arm)
    axes.set_yticks(at, labels, fontsize=7)
    axes.set(xlim=(0, 1), xlabel="share of planted cases found within the budget", title="Recall")
    axes.legend(frameon=False)


def _bars(
    axes: Any,  # noqa: ANN401
    labels: Sequence[str],
    values: Sequence[float],
    colours: Sequence[str] | str = MODEL,
) -> None:
    axes.barh(np.arange(len(labels)), values, color=colours)
    axes.set_yticks(np.arange(len(labels)), labels, fontsize=7)
