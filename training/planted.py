"""Planted cases by unit: which units are to be found, and which only look like it.

A case is found in the units that it is about. A contract that was split in December is settled in
the next year: that year holds events of the case, and none of what is unusual. So a unit with less
than half of the events that the case's largest unit holds is not among them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from features.contracts.vectors import Integers
from training.cases import Case, Cases
from training.units import Units

NONE: Final = -1


@dataclass(frozen=True, eq=False)
class Planted:
    """The case of each unit: its position among `cases.cases`, or -1.

    A unit that belongs to a planted case and a look-alike counts as planted; of several cases the
    first counts.
    """

    units: Units
    cases: Cases
    of_unit: Integers

    @classmethod
    def of(cls, units: Units, cases: Cases) -> Self:
        """Join the cases of a table's rows with the units of the same rows."""
        is_lookalike = np.array([case.is_lookalike for case in cases.cases], dtype=np.bool_)
        of_unit = np.full(len(units), NONE, dtype=np.int64)
        unit, case = _subjects(units.of_row[cases.row], cases.case, len(cases.cases))
        for wanted in (True, False):
            chosen = is_lookalike[case] == wanted
            of_unit[unit[chosen][::-1]] = case[chosen][::-1]
        return cls(units, cases, of_unit)

    @property
    def is_planted(self) -> NDArray[np.bool_]:
        """Which units belong to a planted case that is no look-alike."""
        return self._which(lookalike=False)

    @property
    def is_lookalike(self) -> NDArray[np.bool_]:
        """Which units belong to a look-alike alone."""
        return self._which(lookalike=True)

    def case(self, unit: int) -> Case | None:
        """The case of one unit."""
        at = int(self.of_unit[unit])
        return None if at == NONE else self.cases.cases[at]

    def kinds(self) -> dict[tuple[str, str], Integers]:
        """Planted units by typology and severity, in the order of the two words."""
        found: dict[tuple[str, str], list[int]] = {}
        for unit in np.flatnonzero(self.is_planted).tolist():
            case = self.cases.cases[self.of_unit[unit]]
            found.setdefault((case.typology, case.severity), []).append(unit)
        return {kind: np.array(units, dtype=np.int64) for kind, units in sorted(found.items())}

    def n_cases(self, units: Integers) -> int:
        """How many planted cases the units belong to."""
        chosen = self.of_unit[units][self.is_planted[units]]
        return len(np.unique(chosen))

    def seen_by_rules(self, units: Integers) -> Integers:
        """Those of the units whose case the fixed rules should hit."""
        return self._of_cases(units, [case.rule_sees for case in self.cases.cases])

    def clear_of_rules(self, units: Integers) -> Integers:
        """Those of the units whose case keeps clear of the fixed rules on purpose."""
        return self._of_cases(units, [case.adaptive for case in self.cases.cases])

    def _of_cases(self, units: Integers, wanted: Sequence[bool]) -> Integers:
        found: Integers = units[np.array([*wanted, False])[self.of_unit[units]]]
        return found

    def _which(self, *, lookalike: bool) -> NDArray[np.bool_]:
        wanted = [case.is_lookalike is lookalike for case in self.cases.cases]
        return np.append(np.array(wanted, dtype=np.bool_), values=False)[self.of_unit]


def _subjects(unit: Integers, case: Integers, n_cases: int) -> tuple[Integers, Integers]:
    """The pairs of a unit and a case that is about it, out of those of each event, in its order."""
    pairs, first, count = np.unique(
        np.stack([unit, case]), axis=1, return_index=True, return_counts=True
    )
    largest = np.zeros(n_cases, dtype=np.int64)
    np.maximum.at(largest, pairs[1], count)
    kept = np.sort(first[2 * count >= largest[pairs[1]]])
    return unit[kept], case[kept]
