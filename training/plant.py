"""The plan of who is planted when, and its execution on a draft of histories."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from training.simulation.case import SEVERITIES, Case
from training.simulation.columns import stream
from training.simulation.config import Injection, SimulationConfig
from training.simulation.days import DAY_S
from training.simulation.district import Clock
from training.typology import Draft, Typology


def plant_all(
    draft: Draft,
    typologies: Sequence[Typology[Draft]],
    config: SimulationConfig,
    frame: tuple[Clock, int],
) -> list[Case]:
    """Plant every planned case into a draft; `frame` is the clock and the number of subjects."""
    clock, subjects = frame
    n_real = sum(not each.benign for each in typologies)
    cases: list[Case] = []
    for typology in typologies:
        planned, rng = plan_of(typology, config, (clock, subjects / n_real), len(cases))
        for case in planned:
            typology.plant(draft, case, rng, config.typologies.of(typology.code))
            cases.append(case)
    return cases


def plan_of(
    typology: Typology[Any], config: SimulationConfig, frame: tuple[Clock, float], first: int = 0
) -> tuple[list[Case], np.random.Generator]:
    """The cases of one typology, numbered from `first`, and the stream they are planted from.

    `frame` is the clock and the subjects that the typology's share is a share of.
    """
    clock, subjects = frame
    rng = stream(config.horizon.seed, f"inject {typology.code}")
    n = _n_cases(typology, config.injection, subjects)
    return _plan(typology, rng, (clock, config.injection), (n, first)), rng


def _n_cases(typology: Typology[Any], rules: Injection, subjects: float) -> int:
    if typology.benign:
        return rules.look_alikes
    return max(rules.min_cases, round(rules.share * subjects / typology.subjects_per_case))


def _plan(
    typology: Typology[Any],
    rng: np.random.Generator,
    frame: tuple[Clock, Injection],
    numbers: tuple[int, int],
) -> list[Case]:
    """Severities in equal parts, anchors over the horizon, some of them in the holdout."""
    (clock, rules), (n, first) = frame, numbers
    recent = np.zeros(n, dtype=np.bool_)
    if not typology.lag_days:
        recent[rng.permutation(n)[: max(1, round(n * rules.holdout_share))]] = True
    early = clock.start + max(rules.quiet_days, typology.history_days) * DAY_S
    late = min(clock.holdout - 3 * DAY_S, clock.end - typology.lag_days * DAY_S)
    anchors = np.where(
        recent,
        rng.integers(clock.holdout + DAY_S, clock.end - 4 * DAY_S, n),
        rng.integers(min(early, late - DAY_S), late, n),
    )
    third = rng.permutation(np.arange(n) % len(SEVERITIES))
    strength = (third + rng.random(n)) / len(SEVERITIES)
    adaptive = (anchors >= clock.adaptive) & (rng.random(n) < rules.adaptive_share)
    return [
        Case(
            number=first + at,
            code=typology.code,
            severity=None if typology.benign else SEVERITIES[third[at]],
            strength=float(strength[at]),
            anchor=int(anchors[at]),
            recent=bool(recent[at]),
            adaptive=bool(adaptive[at]) and not typology.benign,
        )
        for at in range(n)
    ]
