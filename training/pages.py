"""A page for every detector: its words, figures, a plot of its surface, and a row worked out.

The example is run when the page is written, on the crowd of the plot.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from features.contracts.errors import InputError
from features.contracts.vectors import Matrix
from features.frames import replace_file
from models.checks import run_checks
from models.fitting.contestants import DEFAULT, subject
from models.pages import Page, page_of
from models.registry import DETECTORS
from training.surface import (
    COLUMNS,
    ENSEMBLE,
    LABELLED,
    LINE,
    N_CLEARED,
    N_CLUMP,
    N_CONFIRMED,
    crowds,
    draw,
    fitted,
    line,
)

SECTIONS: Final = (
    "What it finds",
    "What it cannot find",
    "Formula",
    "Missing values and categories",
    "Cost",
    "Memory",
    "Score surface",
    "Worked example",
    "References",
)
"""Headings of a page, in order."""
FIGURES: Final = Path("build/bench/models.json")
"""Where the benchmark of the models leaves its figures."""

_ADDITIVE: Final = (
    "Each is exactly additive: a base and one contribution a column make the score. The plots show "
    "the same rows, so that they compare."
)

Progress = Callable[[int, int, str], None]


class Figure(BaseModel):
    """One measured figure, as a benchmark writes it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    what: str
    value: float


def write(
    out: Path, *, figures: Mapping[str, Figure] | None = None, progress: Progress | None = None
) -> int:
    """Write every page, its plot and an index into `out`, each all or nothing; return how many."""
    names = [ENSEMBLE, *DETECTORS, LABELLED]
    for done, name in enumerate(names):
        if progress:
            progress(done, len(names), name)
        replace_file(out / _plot(name), lambda part, name=name: draw(name, part))  # type: ignore[misc]
        _write(out / f"{name}.md", page(name, figures or {}))
    _write(out / "index.md", index(names))
    return len(names) + 1


def page(name: str, figures: Mapping[str, Figure]) -> str:
    """The page of one detector, with an example that was run for it."""
    words = page_of(name)
    bodies = (
        words.finds,
        words.cannot,
        "```text\n" + "\n".join(words.formula) + "\n```",
        _bullets(
            (
                f"Missing, score: {words.missing_in_score}",
                f"Missing, reasons: {words.missing_in_reasons}",
                f"Category: {words.category}",
            )
        ),
        _cost(words, figures),
        words.memory,
        _surface(name),
        "\n\n".join(_example(name)),
        _bullets(words.references),
    )
    parts = [f"# {words.title}", f"`{name}` · [all detectors](index.md)", words.what]
    for heading, body in zip(SECTIONS, bodies, strict=True):
        parts += [f"## {heading}", body]
    return "\n\n".join(parts) + "\n"


def index(names: Sequence[str]) -> str:
    """The page that leads to all others."""
    pages = [(name, page_of(name)) for name in names]
    rows = [(f"[{words.title}]({name}.md)", f"`{name}`", words.what) for name, words in pages]
    promises = [
        (f"`{finding.check}`", finding.promise) for finding in run_checks(subject(DEFAULT)).findings
    ]
    parts = [
        "# Detectors",
        _ADDITIVE,
        _table(("detector", "name", "what"), rows),
        "## What every one of them promises",
        "`lianjing conformance NAME` runs these checks; one that fails cannot be promoted.",
        _table(("check", "promise"), promises),
    ]
    return "\n\n".join(parts) + "\n"


def read_figures(path: Path) -> dict[str, Figure]:
    """The figures of a benchmark by key; none where it was not run.

    Raises
    ------
    InputError
        The file is something else.
    """
    if not path.exists():
        return {}
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["figures"]
        return {key: Figure.model_validate(value) for key, value in content.items()}
    except (ValueError, KeyError, TypeError, AttributeError, ValidationError) as error:
        raise InputError(f"{path}: no figures of a benchmark; run it again") from error


def _cost(words: Page, figures: Mapping[str, Figure]) -> str:
    orders = (
        ("fitting", words.cost.fit),
        ("scoring a row", words.cost.score_row),
        ("explaining a row", words.cost.explain_row),
    )
    text = _table(("what", "order"), orders)
    measured = [
        (figures[key].what, f"{figures[key].value:,.4g}") for key in words.figures if key in figures
    ]
    if not measured:
        return f"{text}\n\nn training rows, d columns; `make bench-models` measures the whole."
    told = "n training rows, d columns. `make bench-models` measured, on 40 columns:"
    return f"{text}\n\n{told}\n\n{_table(('measured', 'figure'), measured)}"


def _surface(name: str) -> str:
    told = (
        f"On two features: {len(crowds()[0].x):,} training rows each, {N_CLUMP} of them a planted "
        f"clump. The line is the score that {LINE:.0%} of fresh ordinary rows stay below; up to it "
        "a shade is a share of ordinary rows, beyond it each step is twice the one before."
    )
    if name == LABELLED:
        told += (
            f" Reviewers confirmed {N_CONFIRMED} further cases like the clump, and cleared the "
            f"{N_CLEARED} ordinary rows that the ensemble finds most unusual."
        )
    return f"{told}\n\n![Score surface of {name}]({_plot(name)})"


def _example(name: str) -> Iterator[str]:
    """A row of the clump, explained, and the same row with its second value missing."""
    crowd, model = crowds()[0], fitted(name, 0)
    row = np.round(crowd.clump[:1], 2)
    gap = row.copy()
    gap[0, 1] = np.nan
    fresh = model.score(crowd.fresh)
    rows = []
    for told, x in (("a row of the clump", row), ("second value missing", gap)):
        score = float(model.score(x)[0])
        base, parts = model.contributions(x)
        share = float((fresh < score).mean())
        cells = (_values(x), _number(base), *map(_number, parts[0]), _number(score), f"{share:.1%}")
        rows.append((told, *cells))
    head = ("row", ", ".join(COLUMNS), "base", *COLUMNS, "score", "ordinary rows below")
    yield f"The first crowd of the plot; scores as it serves, in {page_of(name).unit}."
    yield _table(head, rows)
    limit = line(model, crowd)
    yield f"The {LINE:.0%} line runs at {_number(limit)}. Base and contributions make the score."


def _values(x: Matrix) -> str:
    return ", ".join("missing" if math.isnan(value) else f"{value:g}" for value in x[0])


def _number(value: float) -> str:
    return f"{value:.4f}"


def _plot(name: str) -> str:
    return f"{name}.png"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def _bullets(items: Sequence[str]) -> str:
    return "\n".join(f"- {item}" for item in items)


def _write(path: Path, text: str) -> None:
    replace_file(path, lambda part: part.write_text(text, encoding="utf-8"))
