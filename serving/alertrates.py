"""Expected and realised alert rates of the latest verdicts, as gauges.

Labels are scenarios only; rates by unit and by month are in the evaluation of every training.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from prometheus_client import CollectorRegistry, Gauge

from models.volume import AlertVolume

LATEST: Final = 1_000
"""Verdicts that a realised rate is told from."""


@dataclass(slots=True)
class _Latest:
    """What a scenario's verdicts are held against, and the latest of them."""

    budget: float
    n_held_out: int
    alerts: deque[bool] = field(default_factory=lambda: deque(maxlen=LATEST))

    @property
    def volume(self) -> AlertVolume:
        return AlertVolume.of(
            sum(self.alerts),
            n_events=len(self.alerts),
            budget=self.budget,
            n_held_out=self.n_held_out,
        )


_GAUGES: Final[dict[str, tuple[str, Callable[[AlertVolume], float]]]] = {
    "expected": ("Share of verdicts that the budget lets be alerts.", lambda told: told.budget),
    "realised": ("Share of alerts among the latest verdicts.", lambda told: told.realised),
    "low": ("Lower end of what chance explains (99 %).", lambda told: _share(told.low, told)),
    "high": ("Upper end of what chance explains (99 %).", lambda told: _share(told.high, told)),
    "verdicts": ("Verdicts that the realised rate is told from.", lambda told: told.n_events),
}


class AlertRates:
    """Gauges `lianjing_alert_rate_*`, filled when they are read.

    >>> rates = AlertRates(CollectorRegistry())
    >>> rates.expects("payouts", 0.01, 10_000)
    >>> rates.came("payouts", is_alert=True)
    >>> rates.refresh()
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._latest: dict[str, _Latest] = {}
        self._gauges = {
            name: Gauge(f"lianjing_alert_rate_{name}", what, ("scenario",), registry=registry)
            for name, (what, _) in _GAUGES.items()
        }

    def expects(self, scenario: str, budget: float, n_held_out: int) -> None:
        """A bundle calibrated on so many held-out events serves from now on."""
        self._latest[scenario] = _Latest(budget, n_held_out)

    def came(self, scenario: str, *, is_alert: bool) -> None:
        """One more verdict."""
        if scenario in self._latest:
            self._latest[scenario].alerts.append(is_alert)

    def refresh(self) -> None:
        """Bring the gauges up to date."""
        for scenario, latest in list(self._latest.items()):
            told = latest.volume
            for name, (_, value) in _GAUGES.items():
                self._gauges[name].labels(scenario).set(value(told))


def _share(n: int, told: AlertVolume) -> float:
    return n / told.n_events if told.n_events else 0.0
