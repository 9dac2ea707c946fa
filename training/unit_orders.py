"""Orders in which units would be reviewed: by the model, by the fixed rules, by half of each.

An order is an array of unit positions, first to be reviewed first.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np

from features.contracts.vectors import Integers, Vector
from features.table import FeatureTable
from training.rank import HIT, by_hits, by_turns, n_reviews
from training.units import Units, UnitScores

UnitArmName = Literal["model", "rules", "split"]


def severity_of(table: FeatureTable, severities: Mapping[str, int]) -> Integers:
    """The greatest severity among the rules that hit each row; 0 where none does."""
    severity = np.zeros(len(table), dtype=np.int64)
    for name, answers in table.rules.items():
        np.maximum(severity, np.where(answers == HIT, severities.get(name, 1), 0), out=severity)
    return severity


@dataclass(frozen=True, eq=False)
class UnitOrders:
    """Units of one table in the orders of model and rules, and how many are reviewed.

    Rules take the units that they hit: by the greatest severity of a hit, then by the largest
    amount. `split` spends half of the reviews on each; the model takes what the rules leave over.
    """

    units: Units
    scores: UnitScores
    severity: Integers
    amount_minor: Integers
    n_reviews: int

    @classmethod
    def of(
        cls,
        table: FeatureTable,
        score: Vector,
        p: Vector,
        *,
        severities: Mapping[str, int],
        budget: float,
    ) -> Self:
        """Rank the units of `table` by the scores and p-values of its rows.

        `severities` are those of the fixed rules by name; `budget` is a share of the units.
        """
        units = Units.of_table(table)
        return cls(
            units=units,
            scores=UnitScores.of(units, score, p),
            severity=units.largest(severity_of(table, severities)),
            amount_minor=units.largest(table.amount_minor),
            n_reviews=n_reviews(len(units), budget),
        )

    @property
    def rules(self) -> Integers:
        """All units that a rule hits."""
        return by_hits(self.severity, self.amount_minor)

    def reviewed(self, arm: UnitArmName) -> Integers:
        """The units that an arm reviews within the budget."""
        model, rules, k = self.scores.order, self.rules, self.n_reviews
        match arm:
            case "model":
                return model[:k]
            case "rules":
                return rules[:k]
            case "split":
                return by_turns(model, rules, k)
