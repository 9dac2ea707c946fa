"""The control sample: events that are reviewed whatever they score, drawn by a keyed hash.

Only a share drawn at random tells how often reviewers would find something where the model looks
away, and only a share announced beforehand can be trusted. Whether an event is drawn depends on its
own id, on the stratum of its own score and on a key that reviewers do not hold: on no other event,
on no order, and on no second try.
"""

import hmac
import json
from dataclasses import dataclass, field
from typing import Final, Self

from features.contracts.errors import InputError

SHARE: Final = 0.2
"""Share of the reviews that go to the control sample."""
FLOORS: Final = (0.0, 0.9)
"""Percentiles at which strata begin: as many reviews go to the upper tenth as to all others."""
MIN_KEY: Final = 16
_BITS: Final = 53


def review_id(scenario: str, event_id: str) -> str:
    """What an event is drawn by: a corrected one is drawn as it was before.

    >>> review_id("payouts", "P-1")
    'payouts/P-1'
    """
    return f"{scenario}/{event_id}"


@dataclass(frozen=True, slots=True)
class Stratum:
    """Events from percentile `floor` upward, of which `rate` (0-1) are drawn."""

    floor: float
    rate: float


@dataclass(frozen=True, slots=True)
class Control:
    """A keyed Bernoulli sample with one rate a stratum of the percentile.

    An event is drawn where HMAC-SHA256(key, key id and event id), read as a number in [0, 1), is
    below the rate of its stratum. The rate is its inclusion probability.

    >>> control = Control.planned(b"only-for-this-example", "c1", budget=0.01)
    >>> [(stratum.floor, round(stratum.rate, 4)) for stratum in control.strata]
    [(0.0, 0.0011), (0.9, 0.01)]
    >>> control.rate(0.5) < control.rate(0.95), control.draw("P-1") == control.draw("P-1")
    (True, True)

    Raises
    ------
    InputError
        The key is shorter than 16 bytes, floors do not rise from 0, or a rate is not in (0, 1].

    References
    ----------
    Horvitz, Thompson, "A generalization of sampling without replacement from a finite universe",
    Journal of the American Statistical Association 47, 1952, doi:10.1080/01621459.1952.10483446.
    """

    key: bytes = field(repr=False)
    key_id: str
    strata: tuple[Stratum, ...]

    def __post_init__(self) -> None:
        if len(self.key) < MIN_KEY:
            raise InputError(f"the control key has {len(self.key)} bytes; use {MIN_KEY} or more")
        floors = [stratum.floor for stratum in self.strata]
        if not floors or floors[0] != 0.0 or floors != sorted(set(floors)):
            raise InputError(f"control strata begin at {floors}; let them rise from 0.0")
        for stratum in self.strata:
            if not 0.0 < stratum.rate <= 1.0:
                raise InputError(f"a control rate of {stratum.rate} is not in (0, 1]; change it")

    @classmethod
    def planned(
        cls,
        key: bytes,
        key_id: str,
        *,
        budget: float,
        share: float = SHARE,
        floors: tuple[float, ...] = FLOORS,
    ) -> Self:
        """The sample that takes `share` of a review `budget` (share of events), strata alike."""
        ends = (*floors[1:], 1.0)
        each = share * budget / len(floors)
        rates = [each / (end - floor) for floor, end in zip(floors, ends, strict=True)]
        return cls(key, key_id, tuple(map(Stratum, floors, [min(1.0, rate) for rate in rates])))

    def rate(self, percentile: float) -> float:
        """The probability with which an event of that percentile is drawn."""
        return next(each.rate for each in reversed(self.strata) if percentile >= each.floor)

    def draw(self, event: str) -> float:
        """The number in [0, 1) that stands for an event's id, the same for ever."""
        mark = hmac.digest(self.key, f"{self.key_id}\x1f{event}".encode(), "sha256")
        return float(int.from_bytes(mark[:8], "big") >> (64 - _BITS)) / float(1 << _BITS)

    def is_drawn(self, event: str, percentile: float) -> bool:
        """Whether the event belongs to the control sample."""
        return self.draw(event) < self.rate(percentile)

    @property
    def text(self) -> str:
        """What is announced: key id and rates; never the key."""
        rates = [[stratum.floor, stratum.rate] for stratum in self.strata]
        return json.dumps({"key_id": self.key_id, "strata": rates})
