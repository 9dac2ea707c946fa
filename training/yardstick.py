"""Whether the fixed rules are a fair yardstick: they hit what the typology table says they see.

A rule sees a typology whose `fixed_rule` is "yes" or "partly": of those, each blatant case should
have an event that a rule hits. What is only partly seen escapes at lower severities; whoever knows
the rules (`adaptive` cases) may escape at any, and counts as missed. Over all units the rules hit,
few belong to a case: public figures of comparable warnings are 3 to 17 %.
"""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple, Self

from training.evaluation import Rate
from training.screening import Screening, UnitRecall
from training.typology import Typology

SEEN: Final = ("yes", "partly")
BLATANT: Final = "blatant"


class Yardstick(NamedTuple):
    """Blatant cases of typologies that rules see, those hit, and the precision of all hits."""

    blatant: Rate
    units: Rate
    """The same, counted by unit."""
    precision: Rate
    missed: tuple[str, ...]
    """Typologies said to be seen of which rules hit less than nine in ten blatant cases."""

    @classmethod
    def of(cls, screening: Screening, typologies: Iterable[Typology[Any]]) -> Self:
        """Judge the rules of a screening in which cases were planted."""
        seen = {each.code for each in typologies if each.fixed_rule in SEEN}
        rows = [each for each in screening.recalls if _counts(each, seen)]
        cases = Rate.of(sum(row.rule_cases for row in rows), sum(row.n_cases for row in rows))
        units = Rate.of(sum(row.rule_hits for row in rows), sum(row.n_units for row in rows))
        missed = tuple(row.typology for row in rows if row.rule_cases < 0.9 * row.n_cases)
        return cls(cases, units, screening.overlap.rules_hit, missed)


def _counts(row: UnitRecall, seen: set[str]) -> bool:
    return row.severity == BLATANT and row.typology in seen
