"""Plots of a screening, one PNG a question."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from training.plots import BOTH, GREY, MODEL, RULES, save
from training.screening import Screening


def draw(screening: Screening, folder: Path) -> tuple[Path, ...]:
    """Draw what there is to draw into `folder` and name the files."""
    folder.mkdir(parents=True, exist_ok=True)
    plots: dict[str, Callable[[Any], None]] = {"overlap": lambda axes: _overlap(axes, screening)}
    if screening.recalls:
        plots["recall"] = lambda axes: _recall(axes, screening)
    if any(each.median_days is not None for each in screening.delays):
        plots["delays"] = lambda axes: _delays(axes, screening)
    return tuple(save(plot, folder / f"{name}.png") for name, plot in plots.items())


def _overlap(axes: Any, screening: Screening) -> None:  # noqa: ANN401  (untyped library)
    parts = screening.overlap
    shown = {"both": parts.both, "model only": parts.model_only, "rules only": parts.rules_only}
    at = np.arange(len(shown))
    axes.bar(at, [rate.n for rate in shown.values()], color=GREY, label="selected units")
    if screening.arms:
        axes.bar(at, [rate.hits for rate in shown.values()], color=MODEL, label="of these, planted")
    axes.set_xticks(at, list(shown))
    axes.set(title="Who selects what within the budget")
    axes.legend(frameon=False)


def _recall(axes: Any, screening: Screening) -> None:  # noqa: ANN401
    rows = screening.recalls[::-1]
    at = np.arange(len(rows), dtype=np.float64)
    arms = (("model", MODEL), ("rules", RULES), ("split", BOTH))
    for shift, (arm, colour) in enumerate(arms):
        shares = [getattr(row, arm) / row.n_units for row in rows]
        axes.barh(at + (1 - shift) * 0.27, shares, 0.25, color=colour, label=arm)
    labels = [f"{row.typology} {row.severity} ({row.n_units})" for row in rows]
    axes.set_yticks(at, labels, fontsize=7)
    axes.set(xlim=(0, 1), xlabel="share of planted units within the budget", title="Recall")
    axes.legend(frameon=False)


def _delays(axes: Any, screening: Screening) -> None:  # noqa: ANN401
    rows = [row for row in screening.delays if row.median_days is not None][::-1]
    at = np.arange(len(rows))
    axes.barh(at, [row.median_days for row in rows], color=MODEL)
    axes.set_yticks(at, [f"{row.typology} ({row.detected} of {row.n_cases})" for row in rows])
    axes.set(xlabel="days from onset, median", title="Time to detection under the live line")
