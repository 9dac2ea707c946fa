"""The gate before promotion: what must hold of a bundle before it may serve.

It answers with all reasons at once. What holds here: the bundle keeps the promises of a detector on
its own golden rows, was trained for the present features, takes none of persons that is not let in,
flags about as many events as the budget pays for, and is not worse than the champion beyond both
intervals, neither in the share of reviews that find something planted nor in the share of planted
cases found. Where the one or the other was judged without planted cases, nothing is compared. A
model that learned from labels answers for them too: no reviewer's labels may differ from the peers'
beyond honest mistakes, and none may move the head of the queue further than as many labels of
anybody would.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np

from models.bundle import Bundle
from training.evaluation import Evaluation, Rate, Truth
from training.label_review import LabelReview

COPIES: Final = 1_000
THREADS: Final = 8
MANY: Final = 2.0
"""Times the budget that the realised alert rate may reach."""
FEW: Final = 0.2
"""Times the budget below which a model flags too little to be worth its reviews."""
_TOLERANCE: Final = 1e-6


def refusals(
    bundle: Bundle,
    evaluation: Evaluation,
    *,
    spec_hash: str,
    champion: Evaluation | None = None,
    barred: Sequence[str] = (),
) -> tuple[str, ...]:
    """Why the bundle may not serve; empty when it may.

    `barred` are the sensitive features that it takes and that are not let in.
    """
    found = [
        *_of_spec(bundle, spec_hash),
        *_of_persons(barred),
        *_of_conformance(bundle),
        *_of_volume(evaluation.served_rate, evaluation.budget),
        *([] if champion is None else _of_champion(evaluation, champion)),
        *label_refusals(bundle, evaluation.labels),
    ]
    return tuple(found)


def _of_spec(bundle: Bundle, spec_hash: str) -> Iterator[str]:
    trained = bundle.manifest.spec_hash
    if trained != spec_hash:
        yield (
            f"trained for features {trained[:12]}, present ones are {spec_hash[:12]}: train again"
        )


def _of_persons(barred: Sequence[str]) -> Iterator[str]:
    if barred:
        yield (
            f"takes {', '.join(barred)}, which is sensitive, and LIANJING_SENSITIVE_FEATURES is "
            "off: train again, or turn it on"
        )


def _of_conformance(bundle: Bundle) -> Iterator[str]:
    for claim, holds in _CLAIMS:
        if not holds(bundle):
            yield f"on its golden rows: {claim} does not hold"


def _of_volume(rate: Rate, budget: float) -> Iterator[str]:
    if rate.low > MANY * budget:
        yield (
            f"flags {rate.rate:.2%} of events with a budget of {budget:.2%}: more than "
            f"{MANY:g} times what reviewers have room for"
        )
    if rate.high < FEW * budget:
        yield (
            f"flags {rate.rate:.2%} of events with a budget of {budget:.2%}: less than "
            f"{FEW:g} times what reviewers have room for"
        )


def _of_champion(challenger: Evaluation, champion: Evaluation) -> Iterator[str]:
    if challenger.truth is None or champion.truth is None:
        return
    own, other = _rates_of_model(challenger.truth), _rates_of_model(champion.truth)
    for claim, rate in own.items():
        if rate.high < other[claim].low:
            yield (
                f"{claim}: {rate.rate:.1%}, the champion's {other[claim].rate:.1%}: "
                "worse beyond both intervals"
            )


def label_refusals(bundle: Bundle, review: LabelReview | None) -> Iterator[str]:
    """Why the labels that a bundle learned from may not move the champion."""
    if bundle.learned is None:
        return
    if review is None:
        yield "learned from labels that nobody checked: train again"
        return
    if len(review.reviewers) == 1:
        yield "all labels are one reviewer's: have part of the events reviewed by somebody else too"
    yield from (check.told() for check in review.reviewers if check.is_alarm)
    yield from (one.told() for one in review.influences if one.is_beyond)


def _rates_of_model(truth: Truth) -> dict[str, Rate]:
    """What the model's arm is compared by."""
    arm = next(arm for arm in truth.arms if arm.name == "model")
    return {
        "reviews that find something planted": arm.precision,
        "planted cases found": Rate.of(arm.n_cases, truth.n_cases),
    }


def _is_finite(bundle: Bundle) -> bool:
    base, parts = bundle.contributions(bundle.golden)
    return bool(np.isfinite([base]).all() and np.isfinite(parts).all())


def _is_additive(bundle: Bundle) -> bool:
    base, parts = bundle.contributions(bundle.golden)
    score = bundle.score(bundle.golden)
    return bool(np.allclose(base + parts.sum(axis=1), score, rtol=_TOLERANCE, atol=_TOLERANCE))


def _is_alone_as_together(bundle: Bundle) -> bool:
    alone = [bundle.score_row(row) for row in bundle.golden]
    return np.array(alone).tobytes() == bundle.score(bundle.golden).tobytes()


def _is_same_among_copies(bundle: Bundle) -> bool:
    row = bundle.golden[-1:]
    among = bundle.score(np.repeat(row, COPIES, axis=0))
    return bool((among == bundle.score(row)[0]).all())


def _is_same_from_threads(bundle: Bundle) -> bool:
    expected = bundle.score(bundle.golden).tobytes()
    with ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(bundle.score, [bundle.golden] * (4 * THREADS)))
    return all(score.tobytes() == expected for score in found)


def _survives_missing(bundle: Bundle) -> bool:
    nothing = np.full((1, len(bundle.names)), np.nan)
    return bool(np.isfinite(bundle.score(nothing)).all())


_CLAIMS: Final[tuple[tuple[str, Callable[[Bundle], bool]], ...]] = (
    ("finite contributions", _is_finite),
    ("contributions add up to the score", _is_additive),
    ("a row scores the same alone and in a batch", _is_alone_as_together),
    ("a row scores the same among copies of itself", _is_same_among_copies),
    ("a row scores the same from several threads", _is_same_from_threads),
    ("a row without any value gets a score", _survives_missing),
)
