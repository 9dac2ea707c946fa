"""What the operator sees: metrics in a registry of our own, and one log line a request.

Labels are route templates, status classes, scenarios and bands: their number is bounded, and none
holds a path, an id or a person.
"""

import sys
from typing import Final, TextIO

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from structlog.typing import FilteringBoundLogger

from serving.alertrates import AlertRates
from serving.scorer import Answer, Serving

UNMATCHED: Final = "unmatched"
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BUCKETS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


def request_log(stream: TextIO | None = None) -> FilteringBoundLogger:
    """A logger that writes one JSON object a line to `stream`, standard error by default."""
    logger: FilteringBoundLogger = structlog.wrap_logger(
        structlog.WriteLogger(stream or sys.stderr),
        processors=[
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.add_log_level,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger("info"),
        cache_logger_on_first_use=True,
    )
    return logger


class Monitor:
    """Counters of one running service, and its log.

    Parameters
    ----------
    log
        Where the line of each request goes.
    """

    def __init__(self, log: FilteringBoundLogger) -> None:
        self.log = log
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "lianjing_requests",
            "Answered requests.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "lianjing_request_seconds",
            "Time from request to answer.",
            ("route",),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._verdicts = Counter(
            "lianjing_verdicts", "Fresh verdicts.", ("scenario", "band"), registry=self.registry
        )
        self._alerts = Counter(
            "lianjing_alerts",
            "Verdicts within the review budget.",
            ("scenario",),
            registry=self.registry,
        )
        self._controls = Counter(
            "lianjing_control_reviews",
            "Verdicts drawn into the control sample.",
            ("scenario",),
            registry=self.registry,
        )
        self._rates = AlertRates(self.registry)
        self._champion = Gauge(
            "lianjing_champion_info",
            "The bundle that serves.",
            ("scenario", "digest", "model_version"),
            registry=self.registry,
        )
        self._refused = Gauge(
            "lianjing_champion_refused",
            "1 while a promoted bundle may not be used.",
            ("scenario",),
            registry=self.registry,
        )

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        known = method if method in _METHODS else "OTHER"
        self._requests.labels(known, route, f"{status // 100}xx").inc()
        self._seconds.labels(route).observe(seconds)

    def scored(self, scenario: str, answer: Answer) -> None:
        """Count one verdict, unless it is a repetition."""
        if answer.is_fresh:
            self._verdicts.labels(scenario, answer.band.value).inc()
            if answer.is_alert:
                self._alerts.labels(scenario).inc()
            if answer.is_control:
                self._controls.labels(scenario).inc()
            self._rates.came(scenario, is_alert=answer.is_alert)

    def expects(self, scenario: str, budget: float, n_held_out: int) -> None:
        """Show which share of a scenario's verdicts is to be alerts, and begin to count anew."""
        self._rates.expects(scenario, budget, n_held_out)

    def serves(self, scenario: str, serving: Serving, before: Serving | None) -> None:
        """Show which bundle serves, in place of the one before."""
        if before is not None:
            self._champion.remove(scenario, before.digest, before.model_version)
        self._champion.labels(scenario, serving.digest, serving.model_version).set(1)
        self.log.info("champion_swapped", scenario=scenario, digest=serving.digest)

    def refuses(self, scenario: str, failure: str) -> None:
        """Show whether a promoted bundle is refused."""
        self._refused.labels(scenario).set(1 if failure else 0)
        if failure:
            self.log.warning("champion_refused", scenario=scenario, reason=failure)

    def exposition(self) -> bytes:
        """All metrics as Prometheus text."""
        self._rates.refresh()
        return generate_latest(self.registry)


def places(error: BaseException) -> list[str]:
    """Where an error came from, without what it says: the text may hold values of a request."""
    found, trace = [], error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        found.append(f"{code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return found[-8:]
