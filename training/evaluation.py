"""What an evaluation says, as plain data that a report, a tracker and a gate read."""

from math import sqrt
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from training.label_review import LabelReview
from training.volumes import RULES, RuleName, Volume

ArmName = Literal["model", "rules", "both"]
ARMS: Final[tuple[ArmName, ...]] = ("model", "rules", "both")
ARM_TEXT: Final = {
    "model": "rows by score, highest first",
    "rules": "rows that a fixed rule hits and no others; more rules first, then the larger amount",
    "both": "the two orders take turns and never repeat each other",
}
"""How each arm chooses the rows it reviews; all have the same room for reviews."""

QUANTILES: Final = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999)

_Z: Final = 1.959963984540054


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Rate(_Frozen):
    """A share with its 95 % interval (Wilson, doi:10.1080/01621459.1927.10502953).

    >>> Rate.of(3, 100)
    Rate(hits=3, n=100, rate=0.03, low=0.010..., high=0.084...)
    """

    hits: int
    n: int
    rate: float
    low: float
    high: float

    @classmethod
    def of(cls, hits: int, n: int) -> "Rate":
        """The share of `hits` in `n`; nothing known of none."""
        if n == 0:
            return cls(hits=0, n=0, rate=0.0, low=0.0, high=1.0)
        share, square = hits / n, _Z * _Z
        centre = (share + square / (2 * n)) / (1 + square / n)
        half = _Z * sqrt(share * (1 - share) / n + square / (4 * n * n)) / (1 + square / n)
        return cls(
            hits=hits, n=n, rate=share, low=max(0.0, centre - half), high=min(1.0, centre + half)
        )


class Arm(_Frozen):
    """What one way of choosing rows finds within the budget."""

    name: ArmName
    n_reviews: int
    n_cases: int
    precision: Rate
    n_lookalike_rows: int
    n_lookalike_cases: int

    @property
    def n_rows(self) -> int:
        """Reviewed rows that belong to a planted case."""
        return self.precision.hits


class Point(_Frozen):
    """Precision of the arms at one budget."""

    budget: float
    n_reviews: int
    model: float
    rules: float
    both: float


class Recall(_Frozen):
    """Planted cases of one kind, and how many each arm finds within the budget."""

    typology: str
    severity: str
    n_cases: int
    model: int
    rules: int
    both: int
    unseen_by_rules: int
    """Cases that no fixed rule hits at all, whatever the budget."""
    model_beyond_rules: int
    """Those of them that the model finds."""


class RulePrecision(_Frozen):
    """One fixed rule's hits and, where cases were planted, how many of them belong to one."""

    rule: str
    n_hits: int
    precision: Rate | None


class Truth(_Frozen):
    """What is known where cases were planted."""

    n_cases: int
    n_planted_rows: int
    n_lookalike_cases: int
    arms: tuple[Arm, ...]
    curve: tuple[Point, ...]
    recalls: tuple[Recall, ...]
    explained: Rate
    """Found rows with a telling feature among the first three reasons."""


class Evaluation(_Frozen):
    """How a fitted model does on rows that it never saw."""

    scenario: str
    judged_on: Literal["holdout", "calibrate"]
    """`calibrate` where nothing was held out; rates are then as calibrated, by construction."""
    n_rows: int
    budget: float
    n_alerts: int
    alert_rate: Rate
    """Share of rows with p <= budget: what the live rule would have flagged."""
    volumes: tuple[Volume, ...] = ()
    """Expected against realised alerts of both live rules: in all, by month, by unit."""
    n_rule_hits: int
    n_alerts_without_rule: int
    """Alerts of the period that no fixed rule hits: what would be news."""
    calibrate_quantiles: dict[str, float]
    judged_quantiles: dict[str, float]
    mean_contribution: dict[str, float]
    """Mean absolute contribution to the score over the alerts, by feature."""
    rules: tuple[RulePrecision, ...]
    truth: Truth | None
    labels: LabelReview | None = None
    """What is known of the labels that the model learned from."""

    def label_lines(self) -> list[str]:
        """What is known of the labels, a sentence a line; none where there were none."""
        return [] if self.labels is None else self.labels.lines()

    def to_json(self) -> str:
        """The evaluation as indented JSON."""
        return self.model_dump_json(indent=2)

    def metrics(self) -> dict[str, float]:
        """The rates and counts that runs are compared by; those of arms need planted cases."""
        numbers = {
            "alert_rate": self.alert_rate.rate,
            "alert_rate_low": self.alert_rate.low,
            "alert_rate_high": self.alert_rate.high,
            "budget": self.budget,
            **self._volume_metrics(),
            "n_judged": float(self.n_rows),
            "n_alerts": float(self.n_alerts),
            "n_alerts_without_rule": float(self.n_alerts_without_rule),
        }
        if self.truth is not None:
            for arm in self.truth.arms:
                numbers[f"precision_{arm.name}"] = arm.precision.rate
                numbers[f"cases_found_{arm.name}"] = float(arm.n_cases)
                numbers[f"recall_cases_{arm.name}"] = arm.n_cases / max(self.truth.n_cases, 1)
                numbers[f"lookalike_rows_{arm.name}"] = float(arm.n_lookalike_rows)
            numbers["explained"] = self.truth.explained.rate
        if self.labels is not None:
            numbers["n_labels"] = float(self.labels.n_labels)
            numbers["n_confirmed"] = float(self.labels.n_confirmed)
        return numbers

    @property
    def served_rate(self) -> Rate:
        """Share of the judged rows that the moving line lets through, which is what serves.

        That of the line drawn once, where the moving one was not counted.
        """
        whole = self.volume("rolling")
        return self.alert_rate if whole is None else Rate.of(whole.n_alerts, whole.n_rows)

    def volume(self, rule: RuleName) -> Volume | None:
        """All judged rows under one live rule."""
        found = (one for one in self.volumes if one.rule == rule and one.scope == "all")
        return next(found, None)

    def _volume_metrics(self) -> dict[str, float]:
        numbers: dict[str, float] = {}
        for rule in RULES:
            whole = self.volume(rule)
            if whole is None:
                continue
            outside = [one for one in self.volumes if one.rule == rule and not one.is_inside]
            numbers[f"alert_rate_{rule}"] = whole.realised
            numbers[f"alert_rate_{rule}_expected"] = whole.expected
            numbers[f"alert_rate_{rule}_error"] = whole.error
            for scope in ("period", "unit"):
                n = sum(one.scope == scope for one in outside)
                numbers[f"alert_rate_{rule}_{scope}s_outside"] = float(n)
        return numbers

    def to_markdown(self) -> str:
        """The evaluation as a short page of tables."""
        lines = [f"# Evaluation of {self.scenario}", "", *self._summary_lines()]
        if self.truth is not None:
            lines += ["", *_arm_lines(self.truth), "", *_recall_lines(self.truth)]
        if self.volumes:
            lines += ["", *_volume_lines(self.volumes)]
        lines += [f"\n{line}" for line in self.label_lines()]
        return "\n".join(lines) + "\n"

    def _summary_lines(self) -> list[str]:
        alerts = (
            f"{self.n_alerts} alerts, {self.n_alerts_without_rule} of them hit by no fixed rule"
        )
        return [
            f"Judged on the {self.judged_on} slice: {self.n_rows} rows.",
            f"Budget {self.budget:.2%}: {alerts}.",
            f"Share with p <= budget: {_percent(self.alert_rate)}.",
        ]


def _percent(rate: Rate) -> str:
    return f"{rate.rate:.2%} ({rate.low:.2%} to {rate.high:.2%})"


def _volume_lines(volumes: tuple[Volume, ...]) -> list[str]:
    lines = [
        "| line | rows | alerts | expected | realised | 99 % interval | within |",
        "|---|--:|--:|--:|--:|--:|---|",
    ]
    lines += [
        f"| {one.rule} {one.key} | {one.n_rows} | {one.n_alerts} | {one.expected:.2%} | "
        f"{one.realised:.2%} | {one.low} to {one.high} | {'yes' if one.is_inside else 'no'} |"
        for one in volumes
        if one.scope != "unit"
    ]
    return lines


def _arm_lines(truth: Truth) -> list[str]:
    lines = [
        "| chosen by | reviews | rows found | precision | cases found | look-alike rows |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    lines += [
        f"| {arm.name}: {ARM_TEXT[arm.name]} | {arm.n_reviews} | {arm.n_rows} | "
        f"{_percent(arm.precision)} | {arm.n_cases} of {truth.n_cases} | {arm.n_lookalike_rows} |"
        for arm in truth.arms
    ]
    return lines


def _recall_lines(truth: Truth) -> list[str]:
    lines = [
        "| typology | severity | cases | model | rules | both | no rule hits | of these, model |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    lines += [
        f"| {row.typology} | {row.severity} | {row.n_cases} | {row.model} | {row.rules} | "
        f"{row.both} | {row.unseen_by_rules} | {row.model_beyond_rules} |"
        for row in truth.recalls
    ]
    return lines
