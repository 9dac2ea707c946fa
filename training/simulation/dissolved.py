"""Recipients that were dissolved after they had been paid, by failing or by plan.

A representative leads one firm as a rule, and some lead several: who founds another firm after one
was dissolved can be found by that.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
import polars as pl

from training.simulation import text
from training.simulation.columns import Columns, height, stream
from training.simulation.config import SimulationConfig
from training.simulation.days import DAY_S, Integers
from training.simulation.district import District
from training.simulation.payouts import PAID

KIND: Final = "recipient_dissolved"
_YEAR_S: Final = 365 * DAY_S
_SETTLING_S: Final = 30 * DAY_S
"""Time between the last payout of a firm and the earliest that it fails."""
_KEYED_S: Final = 3 * DAY_S


def dissolutions(
    config: SimulationConfig, end: int, rows: Columns, planned: Mapping[int, int]
) -> Columns:
    """Which recipients were dissolved before `end`, when, and what they had been paid in fen.

    Those `planned` are dissolved at their second; of the others a share fails each year.
    """
    rng = stream(config.horizon.seed, "dissolutions")
    paid = rows["outcome"] == PAID
    firm, amount = rows["firm"][paid], rows["amount"][paid]
    n = int(rows["firm"].max(initial=0)) + 1
    last, total = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    np.maximum.at(last, rows["firm"], np.maximum(rows["paid"], rows["closed"]))
    np.add.at(total, firm, amount)
    waited = rng.exponential(_YEAR_S / config.payouts.dissolved_share, n).astype(np.int64)
    at = last + _SETTLING_S + waited
    for one, then in planned.items():
        at[one] = then
    gone = np.flatnonzero((total > 0) & (at < end))
    gone = gone[np.argsort(at[gone], kind="stable")]
    return {"firm": gone, "at": at[gone], "amount": total[gone]}


def representatives(config: SimulationConfig, firms: Integers, n_firms: int) -> Integers:
    """The legal representative of each firm, by number; some firms of a district share one."""
    rng = stream(config.horizon.seed, "legal representatives")
    own = np.arange(n_firms, dtype=np.int64)
    shared = rng.random(n_firms) < config.district.shared_representative_share
    own[shared] = rng.integers(0, n_firms, int(shared.sum()))
    return np.where(firms < n_firms, own[np.minimum(firms, n_firms - 1)], firms)


def dissolution_table(
    config: SimulationConfig, district: District, gone: Columns, first: int
) -> pl.DataFrame:
    """Rows as a platform exports them, all learned before the export; ids count on from `first`."""
    rng = stream(config.horizon.seed, "dissolution table")
    n = height(gone)
    known = gone["at"] + rng.exponential(_KEYED_S, n).astype(np.int64)
    known = np.minimum(known, district.clock.end - 1)
    leads = representatives(config, gone["firm"], height(district.firms))
    return pl.DataFrame(
        [
            text.serials("payout_id", "P", first + np.arange(n, dtype=np.int64), 8),
            pl.Series("kind", [KIND] * n, dtype=pl.String),
            text.stamps("occurred_at", gone["at"]),
            text.stamps("recorded_at", known),
            text.codes("enterprise_code", "E", gone["firm"]),
            text.codes("legal_rep_code", "R", leads),
            text.yuan("amount_yuan", gone["amount"]),
        ]
    )
