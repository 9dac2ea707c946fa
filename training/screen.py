"""Screening: every unit of a scenario judged at a review budget, beside the fixed rules.

The model may have been fitted on some of the same events, as whoever screens a past period does:
it never sees a label or what was planted.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.contracts.vectors import Integers, Matrix, Vector
from features.table import FeatureTable
from training.cases import Cases
from training.delay import delays
from training.evaluation import Rate
from training.planted import Planted
from training.reads import Reads
from training.screening import Lookalikes, Overlap, Screening, UnitArm, UnitRecall
from training.unit_orders import UnitArmName, UnitOrders

N_REASONS: Final = 3
"""Reasons that a reviewer is shown first."""
ARMS: Final[tuple[UnitArmName, ...]] = ("model", "rules", "split")
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Scored:
    """Rows to screen, as a model scores them.

    `contributions` explains the rows at given positions, a column a name in `names`; `held_out` are
    the sorted scores of the calibration slice; `severities` those of the fixed rules by name.
    """

    table: FeatureTable
    score: Vector
    p: Vector
    held_out: Vector
    names: tuple[str, ...]
    contributions: Callable[[Integers], Matrix]
    severities: Mapping[str, int]
    model: str = ""
    reads: Reads = field(default_factory=dict)
    fitted_until_us: int = 0
    """The last event that the model was fitted on."""


def orders_of(scored: Scored, budget: float) -> UnitOrders:
    """The units of scored rows in the orders of model and rules."""
    return UnitOrders.of(
        scored.table, scored.score, scored.p, severities=scored.severities, budget=budget
    )


def screen(
    scored: Scored, *, budget: float, unit: str = "event", cases: Cases | None = None
) -> Screening:
    """Judge the units of `scored` at a budget, a share of the units.

    Without `cases` only what needs no truth is told.
    """
    table, orders = scored.table, orders_of(scored, budget)
    planted = None if cases is None else Planted.of(orders.units, cases)
    plain = Screening(
        scenario=table.scenario,
        unit=unit,
        model=scored.model,
        n_rows=len(table),
        n_fitted=int((table.effective_us <= scored.fitted_until_us).sum()),
        n_units=len(orders.units),
        budget=budget,
        n_reviews=orders.n_reviews,
        overlap=_overlap(orders, planted),
    )
    return plain if planted is None else _judged(plain, scored, orders, planted, budget)


def _judged(
    plain: Screening, scored: Scored, orders: UnitOrders, planted: Planted, budget: float
) -> Screening:
    found, n_outside = delays(
        scored.table, scored.score, scored.held_out, planted.cases, budget=budget
    )
    return plain.model_copy(
        update={
            "arms": tuple(_arm(name, orders, planted) for name in ARMS),
            "recalls": _recalls(orders, planted),
            "explained": _explained(scored, orders, planted),
            "lookalikes": _lookalikes(orders, planted),
            "delays": found,
            "n_outside": n_outside,
        }
    )


def _among(units: Integers, mask: Mask | None) -> Rate:
    return Rate.of(0 if mask is None else int(mask[units].sum()), len(units))


def _overlap(orders: UnitOrders, planted: Planted | None) -> Overlap:
    model, rules = orders.reviewed("model"), orders.reviewed("rules")
    is_planted = None if planted is None else planted.is_planted
    return Overlap(
        both=_among(np.intersect1d(model, rules), is_planted),
        model_only=_among(np.setdiff1d(model, rules), is_planted),
        rules_only=_among(np.setdiff1d(rules, model), is_planted),
        rules_hit=_among(orders.rules, is_planted),
    )


def _arm(name: UnitArmName, orders: UnitOrders, planted: Planted) -> UnitArm:
    units = orders.reviewed(name)
    return UnitArm(
        name=name,
        n_reviews=len(units),
        n_cases=planted.n_cases(units),
        finds=_among(units, planted.is_planted),
        n_lookalikes=int(planted.is_lookalike[units].sum()),
    )


def _recalls(orders: UnitOrders, planted: Planted) -> tuple[UnitRecall, ...]:
    chosen = {name: orders.reviewed(name) for name in ARMS}
    is_hit, by_model = orders.severity > 0, np.zeros(len(orders.units), dtype=np.bool_)
    by_model[chosen["model"]] = True
    return tuple(
        UnitRecall(
            typology=typology,
            severity=severity,
            n_units=len(units),
            n_cases=planted.n_cases(units),
            rule_hits=int(is_hit[units].sum()),
            n_seen=planted.n_cases(seen := planted.seen_by_rules(units)),
            seen_hit=planted.n_cases(seen[is_hit[seen]]),
            n_unhit=int((~is_hit[units]).sum()),
            unhit_model=int((by_model & ~is_hit)[units].sum()),
            n_adaptive=len(clear := planted.clear_of_rules(units)),
            adaptive_model=int(by_model[clear].sum()),
            adaptive_hit=int(is_hit[clear].sum()),
            **{name: int(np.isin(units, chosen[name]).sum()) for name in ARMS},
        )
        for (typology, severity), units in planted.kinds().items()
    )


def _lookalikes(orders: UnitOrders, planted: Planted) -> Lookalikes:
    selected = orders.reviewed("model")
    return Lookalikes(
        selected=_among(selected, planted.is_lookalike),
        everywhere=_among(np.arange(len(orders.units)), planted.is_lookalike),
    )


def _explained(scored: Scored, orders: UnitOrders, planted: Planted) -> Rate:
    """Selected planted units whose leading event names a telling feature among its reasons."""
    units = orders.reviewed("model")
    units = units[planted.is_planted[units]]
    parts = scored.contributions(orders.scores.lead[units])
    hits = n = 0
    for unit, row in zip(units.tolist(), parts, strict=True):
        case = planted.case(unit)
        telling = set() if case is None else _telling(scored, case.telling)
        if telling:
            hits += bool(telling & _reasons(scored.names, row))
            n += 1
    return Rate.of(hits, n)


def _telling(scored: Scored, given: tuple[str, ...]) -> set[str]:
    """Features that are named, or that read a field that is named."""
    fields = frozenset(given)
    reads = scored.reads
    return {
        name
        for name in scored.names
        if name in fields or not reads.get(name, frozenset()).isdisjoint(fields)
    }


def _reasons(names: tuple[str, ...], parts: Vector) -> set[str]:
    first = np.argsort(-parts, kind="stable")[:N_REASONS]
    return {names[at] for at in first.tolist() if parts[at] > 0}
