"""How often one bad reviewer raises an alarm, and how often good ones do: measured, not promised.

A reviewer flips a share of all labels, on top of the honest mistakes of everybody; part of the
events is reviewed twice. The model's expectation is as sharp as `auc` says, and calibrated.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from features.contracts.vectors import Integers, Vector
from training.evaluation import Rate
from training.poison import NOISE, Reviews, check_reviewers

SHARES: Final = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0)
"""Shares of double reviews that are tried, least first."""
POWER: Final = 0.8
_DEALS: Final = 199
_SHARPNESS: Final = {0.5: 0.0, 0.7: 0.8, 0.8: 1.35, 0.9: 2.45}
"""Deviation of the model's log-odds that gives each AUC at a base rate of 0.3, by simulation."""

Target = Literal["any", "confirmed", "single"]


@dataclass(frozen=True)
class Setting:
    """Who reviews how much, how well, and what one of them does.

    `target`: the bad reviewer flips `any` label, clears `confirmed` ones only (as many as there
    are), or knows which reviews are `single` and flips only those.
    """

    n_labels: int = 500
    n_reviewers: int = 5
    double_share: float = 0.2
    """Of the events, how many are reviewed twice."""
    flipped_share: float = 0.05
    """Of all labels, how many the one reviewer flips."""
    base_rate: float = 0.3
    auc: float = 0.8
    noise: float = NOISE
    target: Target = "any"


class Drilled(NamedTuple):
    """What many repetitions came to."""

    power: Rate
    """The flipping reviewer was alarmed about."""
    blamed: Rate
    """Somebody else was."""


def drill(setting: Setting, *, repetitions: int, seed: int = 0) -> Drilled:
    """Repeat the setting; without flips `blamed` is the rate of false alarms.

    >>> drill(Setting(double_share=0.5), repetitions=20).power.rate > 0.5
    True
    """
    caught = blamed = 0
    names = tuple(f"r{at}" for at in range(setting.n_reviewers))
    for at in range(repetitions):
        reviews = simulated(setting, np.random.default_rng([seed, at]))
        checks = check_reviewers(reviews, names, seed=at, deals=_DEALS)
        alarms = {check.reviewer for check in checks if check.is_alarm}
        is_attack = setting.flipped_share > 0
        caught += is_attack and names[0] in alarms
        blamed += bool(alarms - {names[0]}) if is_attack else bool(alarms)
    return Drilled(Rate.of(caught, repetitions), Rate.of(blamed, repetitions))


def least_double_share(setting: Setting, *, repetitions: int, seed: int = 0) -> float | None:
    """The least share of double reviews with a power of `POWER`; None where no share suffices."""
    for share in SHARES:
        tried = drill(replace(setting, double_share=share), repetitions=repetitions, seed=seed)
        if tried.power.rate >= POWER:
            return share
    return None


def simulated(setting: Setting, rng: np.random.Generator) -> Reviews:
    """One round of reviews; reviewer 0 is the one who flips."""
    n_events = round(setting.n_labels / (1.0 + setting.double_share))
    expected = _expected(setting, n_events, rng)
    is_true = rng.random(n_events) < expected
    n_double = setting.n_labels - n_events
    event = np.concatenate([np.arange(n_events), rng.choice(n_events, n_double, replace=False)])
    reviewer = _assigned(event, n_events, setting.n_reviewers, rng)
    honest = is_true[event] ^ (rng.random(event.size) < setting.noise)
    is_double = np.isin(event, event[n_events:])
    label = _flipped(setting, honest, (reviewer == 0, is_double), rng)
    stratum = np.zeros(event.size, dtype=np.int64)
    return Reviews(event, reviewer, label, expected[event], stratum)


def _expected(setting: Setting, n: int, rng: np.random.Generator) -> Vector:
    """A calibrated model's chances around the base rate."""
    deviation = _SHARPNESS[setting.auc]
    drawn = deviation * rng.normal(size=20_000)
    low, high = -20.0, 20.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        if expit(drawn + middle).mean() < setting.base_rate:
            low = middle
        else:
            high = middle
    return np.asarray(expit(drawn[:n] + 0.5 * (low + high)), dtype=np.float64)


def _assigned(
    event: Integers, n_events: int, n_reviewers: int, rng: np.random.Generator
) -> Integers:
    """Everybody gets as many first reviews; a second review goes to somebody else."""
    first = rng.permutation(np.arange(n_events) % n_reviewers)
    other = rng.integers(1, n_reviewers, size=event.size - n_events)
    second = (first[event[n_events:]] + other) % n_reviewers
    return np.concatenate([first, second])


def _flipped(
    setting: Setting,
    label: NDArray[np.bool_],
    known: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    rng: np.random.Generator,
) -> NDArray[np.bool_]:
    """The labels after the one reviewer changed as many as the setting says."""
    is_own, is_double = known
    is_target = {"any": is_own, "confirmed": is_own & label, "single": is_own & ~is_double}
    candidates = np.flatnonzero(is_target[setting.target])
    wanted = round(setting.flipped_share * setting.n_labels)
    chosen = rng.choice(candidates, min(wanted, candidates.size), replace=False)
    out = label.copy()
    out[chosen] = ~out[chosen]
    return out


def lines(*, repetitions: int) -> Iterator[str]:
    """What the drill prints: power and false alarms, then the least share of double reviews.

    >>> next(lines(repetitions=1))
    'One of 5 reviewers flips 5 % of 500 labels, beside 8 % honest mistakes; 1 repetitions each.'
    """
    base = Setting()
    yield (
        f"One of {base.n_reviewers} reviewers flips {base.flipped_share:.0%} of {base.n_labels} "
        f"labels, beside {base.noise:.0%} honest mistakes; {repetitions} repetitions each."
    ).replace("%", " %")
    yield from ("", "| reviewed twice | flips seen | somebody else blamed |", "|--:|--:|--:|")
    for share in SHARES:
        found = drill(replace(base, double_share=share), repetitions=repetitions)
        yield f"| {share:.0%} | {_told(found.power)} | {found.blamed.rate:.1%} |"
    yield from ("", "| nobody flips; model's AUC | any alarm |", "|--:|--:|")
    for auc in (0.5, 0.8):
        honest = replace(base, flipped_share=0.0, auc=auc, double_share=0.3)
        yield f"| {auc} | {_told(drill(honest, repetitions=2 * repetitions).blamed)} |"
    fewer = max(1, repetitions // 4)
    yield from (
        "",
        f"Least share reviewed twice with a power of {POWER}, {fewer} repetitions each.",
    )
    yield from ("", "| reviewers | model's AUC | least share reviewed twice |", "|--:|--:|--:|")
    for n_reviewers in (3, 5, 8):
        for auc in (0.5, 0.8):
            setting = replace(base, n_reviewers=n_reviewers, auc=auc)
            least = least_double_share(setting, repetitions=fewer)
            yield f"| {n_reviewers} | {auc} | {'none' if least is None else f'{least:.0%}'} |"


def _told(rate: Rate) -> str:
    return f"{rate.rate:.1%} ({rate.low:.1%} to {rate.high:.1%})"


def main() -> None:
    """Print how often a reviewer who flips labels is seen, and honest ones are blamed."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--repetitions", type=int, default=400)
    for line in lines(repetitions=parser.parse_args().repetitions):
        print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
