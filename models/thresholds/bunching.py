"""One answer per unit: do its values bunch at the limit, by which test, on how many values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from features.contracts.errors import InputError
from features.contracts.vectors import Integers, Vector
from models.thresholds.counts import BAND, mid_p, share_below
from models.thresholds.density import density_jump
from models.thresholds.heaps import spread_heaps

Side = Literal["below", "above"]
Method = Literal["density", "counts", "none"]

FEWEST_COUNTED: Final = 4
"""Values within 5 % of the limit that the counts need: with fewer no outcome would be rare."""


@dataclass(frozen=True, slots=True)
class Bunching:
    """The answer for one unit.

    `statistic` is the normal statistic of the density's jump, or the number of values in the band
    on the side asked about; `n` counts the values that the test took. `p` is one-sided, `q` the
    same after Benjamini & Hochberg over the units tested together; both are missing where `status`
    is `insufficient`, and `reason` says why, in Chinese and English.
    """

    method: Method
    status: Literal["ok", "insufficient"]
    statistic: float | None
    p: float | None
    n: int
    n_below: int
    n_above: int
    reason_zh: str = ""
    reason_en: str = ""
    q: float | None = None


def bunching(values: Integers, limits: Integers, *, side: Side = "below") -> Bunching:
    """Test whether `values` lie just to one side of their limits more often than chance has it.

    `below` asks of contracts kept under a limit, `above` of figures that just meet a condition.
    Values exactly at their limit count to neither side, round ones as `spread_heaps` says.

    Parameters
    ----------
    values, limits
        Amounts and the limit each is held against, shape (n,), positive, in one unit.
    side
        Which side the question is about.

    Raises
    ------
    InputError
        The arrays differ in length, or a limit is not positive.

    Examples
    --------
    >>> limits = np.full(8, 400)
    >>> found = bunching(np.array([381, 385, 389, 391, 393, 397, 398, 399]), limits)
    >>> found.method, found.n, round(found.p, 4)
    ('counts', 8, 0.002)
    >>> bunching(np.array([120, 90]), np.array([400, 400])).reason_en
    'only 0 values lie within 5 % of the limit; the counts need 4'
    """
    ratio = ratios(values, limits)
    return _tested(ratio, side, share_below(ratio))


def bunching_by(
    values: Integers, limits: Integers, units: Sequence[str], *, side: Side = "below"
) -> Mapping[str, Bunching]:
    """The answer for each unit, with p-values adjusted for how many were asked.

    Values without a unit (an empty text) are left out. The smooth slope that counts are held
    against is that of all units' values together.
    """
    names, place = np.unique(np.asarray(units, dtype=str), return_inverse=True)
    ratio = ratios(values, limits)
    usual = share_below(ratio)
    found: dict[str, Bunching] = {}
    for k, name in enumerate(names.tolist()):
        own = ratio[place == k]
        if name:
            found[name] = _tested(own, side, usual)
    return _adjusted(found)


def ratios(values: Integers, limits: Integers) -> Vector:
    """Values over their limits, heaps spread out, and those exactly at the limit left out."""
    if len(values) != len(limits):
        raise InputError(f"{len(values)} values and {len(limits)} limits; give one limit a value")
    if (limits <= 0).any() or (values <= 0).any():
        raise InputError("values and limits must be positive; leave the others out")
    out = np.empty(len(values))
    for limit in np.unique(limits).tolist():
        mine = limits == limit
        out[mine] = spread_heaps(values[mine], limit) / limit
    return out


def _tested(ratio: Vector, side: Side, usual: float) -> Bunching:
    """The density's jump where it can be fitted, else the counts.

    Where nothing at all lies just to one side, a fit would only carry on what lies further out.
    """
    counted = _by_counts(ratio, side, usual)
    if counted.status == "ok" and min(counted.n_below, counted.n_above) == 0:
        return counted
    return _by_density(np.log(ratio), side) or counted


def _by_density(x: Vector, side: Side) -> Bunching | None:
    jump = density_jump(x)
    if jump is None:
        return None
    p = jump.p_below if side == "below" else jump.p_above
    n = jump.n_below + jump.n_above
    return Bunching("density", "ok", jump.statistic, p, n, jump.n_below, jump.n_above)


def _by_counts(ratio: Vector, side: Side, share: float) -> Bunching:
    below = int(((ratio >= 1 - BAND) & (ratio < 1.0)).sum())
    above = int(((ratio > 1.0) & (ratio < 1 + BAND)).sum())
    n = below + above
    if n < FEWEST_COUNTED:
        zh = f"限额上下5%以内只有{n}个值,计数检验至少需要{FEWEST_COUNTED}个"
        en = f"only {n} values lie within 5 % of the limit; the counts need {FEWEST_COUNTED}"
        return Bunching("none", "insufficient", None, None, n, below, above, zh, en)
    on_side, chance = (below, share) if side == "below" else (above, 1.0 - share)
    return Bunching("counts", "ok", float(on_side), mid_p(on_side, n, chance), n, below, above)


def _adjusted(found: Mapping[str, Bunching]) -> dict[str, Bunching]:
    """Add what each p-value becomes when so many are looked at (Benjamini & Hochberg 1995)."""
    tested = sorted((one.p, name) for name, one in found.items() if one.p is not None)
    out, least = dict(found), 1.0
    for rank in range(len(tested), 0, -1):
        p, name = tested[rank - 1]
        least = min(least, p * len(tested) / rank)
        out[name] = replace(found[name], q=least)
    return out
