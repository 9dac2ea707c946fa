"""The evaluation report: one self-contained HTML page in plain words."""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from jinja2 import Environment, StrictUndefined

from features.contracts.events import from_us
from training.evaluation import ARM_TEXT, Evaluation, Rate
from training.fitted import Fitted
from training.label_review import Influence, LabelReview

CAPTIONS: Final = {
    "scores": "Scores of the calibration slice and of the judged slice. Where the curves part, the "
    "judged events differ from those the model was calibrated on.",
    "contributions": "Features in which the alerts differ most from their peers.",
    "coverage": "Features that these data know least of.",
    "precision": "Share of reviews that find a planted case, by the room reviewers have.",
    "recall": "Share of planted cases found within the budget, by kind.",
}

_TEMPLATE: Final = Path(__file__).with_name("report.html.j2")


def render(fitted: Fitted, evaluation: Evaluation, plots: Sequence[Path] = ()) -> str:
    """The report as HTML; `plots` are PNG files and become part of it."""
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    page = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    return page.render(
        evaluation=evaluation,
        truth=evaluation.truth,
        influence={} if evaluation.labels is None else _by_reviewer(evaluation.labels),
        digest=fitted.bundle.digest,
        manifest=fitted.bundle.manifest,
        split=fitted.split,
        coverage=fitted.coverage,
        seed=fitted.seed,
        arm_text=ARM_TEXT,
        plots=[_inline(path) for path in plots],
        day=lambda us: from_us(us).date().isoformat(),
        percent=lambda share: f"{share:.1%}",
        rate=told,
    )


def _by_reviewer(review: LabelReview) -> dict[str, Influence]:
    return {one.reviewer: one for one in review.influences}


def _inline(path: Path) -> dict[str, str]:
    content = base64.b64encode(path.read_bytes()).decode()
    return {"content": content, "caption": CAPTIONS.get(path.stem, path.stem)}


def told(rate: Rate) -> str:
    """A share in words, with its interval."""
    if rate.n == 0:
        return "none to tell from"
    return f"{rate.hits} of {rate.n}, {rate.rate:.1%} ({rate.low:.1%} to {rate.high:.1%})"
