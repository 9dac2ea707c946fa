"""What reviewers' findings say of all events, where how an event came to be reviewed is known."""

from math import sqrt

import numpy as np

from features.contracts.labels import Selection
from training.evaluation import Rate
from training.labels import Labels
from training.screening import Sampled

_Z = 1.959963984540054


def sampled(labels: Labels, n_events: int) -> Sampled | None:
    """Precision of the reviewed alerts, and prevalence and recall from the control sample.

    Each control stands for 1 / inclusion probability events, each alert for itself
    (Horvitz-Thompson); the interval is that of independent draws. None where no label says how its
    event was selected with a known chance.

    Parameters
    ----------
    labels
        What reviewers found; those selected by a rule or a complaint are left out.
    n_events
        Events that could have been reviewed.

    References
    ----------
    Horvitz, Thompson, "A generalization of sampling without replacement from a finite universe",
    Journal of the American Statistical Association 47, 1952, doi:10.1080/01621459.1952.10483446.
    """
    usable, confirmed = labels.usable, labels.is_confirmed
    chance = np.array([label.inclusion_probability or np.nan for label in usable])
    is_known = ~np.isnan(chance)
    if not is_known.any() or n_events == 0:
        return None
    is_alert = np.array([label.selected_by is Selection.ALERT for label in usable]) & is_known
    is_control = is_known & ~is_alert
    alerts = int((confirmed & is_alert).sum())
    weight = 1.0 / chance[is_control]
    hits = confirmed[is_control]
    rest = float(weight[hits].sum())
    half = _Z * sqrt(float((weight * (weight - 1.0))[hits].sum()))
    total = alerts + rest
    has_control = bool(is_control.any())
    return Sampled(
        n_reviews=int(is_known.sum()),
        precision=Rate.of(alerts, int(is_alert.sum())),
        prevalence=total / n_events,
        prevalence_low=(alerts + max(rest - half, 0.0)) / n_events,
        prevalence_high=min(1.0, (total + half) / n_events) if has_control and rest else 1.0,
        recall=alerts / total if has_control and total else None,
    )
