"""Scenarios of the benchmark: twenty trailing features of payouts, two hard ones, 26 live ones.

Windows are strict: `t - W <= t_j < t`. Of an empty window count and sum are 0, all else is missing;
a standard deviation (of a sample) is missing below two events.
"""

from typing import Final

from features.contracts.events import EventField
from features.spec import Expression, Feature, RobustZ, Scenario, Share, Since, Window

ENTERPRISE: Final = ("enterprise",)
POLICY: Final = ("policy",)
APPROVER: Final = ("approver",)
PAIR: Final = ("enterprise", "approver")
AMOUNT: Final = "amount_minor"

TRAILING: Final[tuple[Expression, ...]] = (
    Window(ENTERPRISE, "count", days=7),
    Window(ENTERPRISE, "count", days=30),
    Window(ENTERPRISE, "count", days=90),
    Window(ENTERPRISE, "count", days=365),
    Window(ENTERPRISE, "sum", AMOUNT, days=365),
    Window(ENTERPRISE, "mean", AMOUNT, days=365),
    Window(ENTERPRISE, "std", AMOUNT, days=365),
    Window(ENTERPRISE, "max", AMOUNT, days=365),
    Since(ENTERPRISE, days=365),
    Window(POLICY, "count", days=30),
    Window(POLICY, "mean", AMOUNT, days=90),
    Window(POLICY, "std", AMOUNT, days=90),
    Window(POLICY, "min", AMOUNT, days=90),
    Window(POLICY, "max", AMOUNT, days=365),
    Window(APPROVER, "count", days=7),
    Window(APPROVER, "sum", AMOUNT, days=90),
    Window(APPROVER, "std", AMOUNT, days=365),
    Window(PAIR, "count", days=90),
    Window(PAIR, "max", AMOUNT, days=365),
    Share(PAIR, of=ENTERPRISE, days=365, min_n=1),
)
DISTINCT: Final[tuple[Expression, ...]] = (Window(APPROVER, "distinct", "enterprise", days=365),)
MAD: Final[tuple[Expression, ...]] = (
    Window(POLICY, "median", AMOUNT, days=90),
    Window(POLICY, "mad", AMOUNT, days=90),
)
LIVE: Final[tuple[Expression, ...]] = (
    *TRAILING,
    *DISTINCT,
    *MAD,
    Window(ENTERPRISE, "distinct", "policy", days=365),
    Window(POLICY, "hhi", "approver", days=365),
    RobustZ(AMOUNT, peers=(("enterprise", "policy"), POLICY)),
)
"""Few enterprises have 30 payouts of one policy, so the last falls back to all of the policy's."""
FEATURES: Final = {"trailing": TRAILING, "distinct": DISTINCT, "mad": MAD, "live": LIVE}
"""What each task computes."""

_FIELDS: Final = (
    *(
        EventField(name=name, kind="key", title_zh=name, title_en=name)
        for name in ("enterprise", "policy", "approver")
    ),
    EventField(name=AMOUNT, kind="money", title_zh=AMOUNT, title_en=AMOUNT, required=True),
)


def scenario(task: str) -> Scenario:
    """The scenario whose features are those of `task`."""
    return Scenario(
        name="bench",
        zh=task,
        en=task,
        kinds=("payout_paid",),
        scored=("payout_paid",),
        history=("payout_paid",),
        subject="enterprise",
        amount=AMOUNT,
        peer_group="policy",
        fields=_FIELDS,
        measures=(),
        features=tuple(Feature(of, of.name, of.name, of.name, of.name) for of in FEATURES[task]),
    )
