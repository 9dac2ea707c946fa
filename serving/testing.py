"""A small engine and a small model, so that a service can be tried without data or training.

The model has one feature, the amount: the larger, the more unusual. The engine keeps a count of
what it was told, and forgets like the real one.
"""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Final, Literal, cast

import numpy as np

from features.contracts.errors import InputError
from features.contracts.events import Event, Stored
from features.contracts.settings import Settings
from features.contracts.vectors import Cell, FeatureInfo, FeatureVector, Vector
from features.contracts.verdicts import Evidence, RuleWarning, Status
from features.store.ledger import Ledger
from models.bundle import Bundle
from models.calibrate import Calibration
from models.typical import Typical
from serving.champion import Champion
from serving.desk import Post
from serving.scorer import Scorer
from serving.veil import Openness

SCENARIO: Final = "payouts"
KIND: Final = "payout_requested"
SPEC: Final = "5" * 64
CAP: Final = 500_000
ORDINARY: Final = np.arange(1.0, 10_000.0)
"""Amounts of held-out ordinary events, in minor units."""

AMOUNT: Final = FeatureInfo(
    name="amount",
    title_zh="金额",
    title_en="amount",
    unit="money",
    unit_zh="元",
    family="amount",
    tail="high",
    window_days=None,
    why_zh="",
    why_en="",
    false_alarm_zh="",
    false_alarm_en="",
    source="",
)


@dataclass
class SmallEngine:
    """The amount as the only feature, and a rule that hits above a cap."""

    ledger: Ledger
    spec_hash: str = SPEC
    rules_hash: str = ""
    appended: list[str] = field(default_factory=list)
    n_forgotten: int = 0

    def admit(self, event: Event) -> Event:
        """Ask for a whole amount."""
        if not isinstance(event.fields.get("amount_minor"), int):
            raise InputError("field 'amount_minor' is required; send whole minor units")
        return event

    def vector(self, event: Event, *, stored: Stored | None = None) -> FeatureVector:
        """The amount of the event."""
        amount = cast("int", event.fields["amount_minor"])
        return FeatureVector(
            scenario=event.scenario,
            spec_hash=SPEC,
            kernel_version="1",
            as_of_seq=self.ledger.head if stored is None else stored.seq,
            names=("amount",),
            cells=(Cell(float(amount), Status.OK),),
            peer_group="all",
        )

    def warnings(
        self,
        event: Event,
        vector: FeatureVector,
        *,
        stored: Stored | None = None,  # noqa: ARG002
    ) -> tuple[RuleWarning, ...]:
        """Hit above the cap."""
        status: Literal["hit", "clear"] = "hit" if vector.cells[0].value > CAP else "clear"
        return (RuleWarning(rule="over_cap", status=status, source="lianjing", detail=event.kind),)

    def evidence(
        self,
        event: Event,
        feature: str,
        *,
        stored: Stored | None = None,
        as_of_seq: int | None = None,
        limit: int = 5,
    ) -> tuple[Evidence, ...]:
        """The latest events before this one, none behind `as_of_seq`."""
        end = self.ledger.head + 1 if stored is None else stored.seq
        end = end if as_of_seq is None else min(end, as_of_seq + 1)
        seen = self.ledger.at(range(max(1, end - limit), end)) if feature == "amount" else []
        return tuple(
            Evidence(
                kind=one.event.kind,
                event_id=one.event.event_id,
                version=one.event.version,
                seq=one.seq,
                effective_at=one.event.effective_at,
            )
            for one in seen
            if one.event.scenario == event.scenario
        )

    def append(self, stored: Stored) -> None:
        """Note the event."""
        self.appended.append(stored.event.event_id)

    def forget(self) -> None:
        """Count that it was asked to forget."""
        self.n_forgotten += 1


def small_bundle() -> Bundle:
    """A model that scores an event by its amount alone.

    >>> small_bundle().score_row(np.array([120.0]))
    120.0
    """

    def score_row(values: Vector) -> float:
        return float(values[0])

    def explain_row(values: Vector) -> tuple[float, Vector]:
        return 0.0, values

    parts: dict[str, Any] = {
        "names": ("amount",),
        "manifest": SimpleNamespace(
            features=(AMOUNT,), model_features=("amount",), currency="CNY", spec_hash=SPEC
        ),
        "calibration": Calibration.fit(ORDINARY),
        "scores_of": Calibration.fit(ORDINARY).scores_of,
        "typical": Typical.fit(ORDINARY.reshape(-1, 1), ["all"] * len(ORDINARY)),
        "golden": ORDINARY[:1].reshape(-1, 1),
        "contributions": lambda x: (0.0, x),
        "score": lambda x: x[:, 0],
        "columns": [0],
        "leading": (0,),
        "knots": lambda _: ORDINARY,
        "breakpoints": lambda _: ORDINARY,
        "score_row": score_row,
        "explain_row": explain_row,
        "pattern_of": lambda _: None,
    }
    return cast("Bundle", SimpleNamespace(**parts))


def small_posts(settings: Settings, ledger: Ledger, deployed: Ledger) -> dict[str, Post]:
    """One post for payouts; any deployed digest means the small bundle."""
    bundle = small_bundle()
    champion = Champion(deployed, SCENARIO, lambda _: bundle)
    scorer = Scorer(
        ledger,
        SmallEngine(ledger),
        champion,
        scored=(KIND,),
        budget=settings.alert_budget,
    )
    openness = Openness(frozenset(bundle.names), is_whole=True)
    return {SCENARIO: Post(scorer, champion, lambda _: bundle, openness)}


def payout(event_id: str = "P-1", amount_minor: int = 120, **changes: object) -> Event:
    """A request for a payout."""
    told: dict[str, object] = {
        "scenario": SCENARIO,
        "kind": KIND,
        "event_id": event_id,
        "effective_at": "2026-03-01T09:00:00+08:00",
        "fields": {"enterprise": "E-1", "amount_minor": amount_minor},
    }
    return Event.model_validate(told | changes)
