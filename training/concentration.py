"""Whether the selected units come from a few offices: shares, and the sum of squared shares."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

import polars as pl

from features.columns import Columns
from features.contracts.errors import InputError
from features.spec import Scenario
from features.store.ledger import Ledger
from features.table import FeatureTable
from training.screening import Concentration, Group
from training.unit_orders import UnitOrders

OFFICES: Final = ("office", "authority", "buyer", "agency", "district")
"""Fields that name who handled an event, where a scenario has them; never a person."""
_SHOWN: Final = 10


def concentrations(
    ledger: Ledger,
    scenario: Scenario,
    table: FeatureTable,
    orders: UnitOrders,
    fields: Sequence[str] = (),
) -> tuple[Concentration, ...]:
    """How the selected units spread over the values of each field; by default over `OFFICES`.

    A unit has the value of its leading event; units without one are left out.

    Raises
    ------
    InputError
        The scenario has no such key or category.
    """
    known = {item.name: item for item in scenario.fields if item.kind in ("key", "category")}
    for name in fields:
        if name not in known:
            message = f"{scenario.name} has no key or category {name!r}; use {', '.join(known)}"
            raise InputError(message)
    chosen = fields or [name for name in OFFICES if name in known]
    if not chosen:
        return ()
    asked = [known[name] for name in chosen]
    frame = Columns.read(ledger, scenario.name, asked).frame.select("seq", *chosen)
    lead = pl.DataFrame({"seq": table.seq[orders.scores.lead]})
    values = lead.join(frame, on="seq", how="left", maintain_order="left")
    return tuple(
        concentration(name, values[name].to_list(), orders.reviewed("model").tolist())
        for name in chosen
    )


def concentration(
    field: str, values: Sequence[str | None], selected: Sequence[int]
) -> Concentration:
    """Shares and sums of squared shares of one field.

    >>> found = concentration("office", ["A", "A", "B", None], [0, 2])
    >>> round(found.hhi_selected, 2), round(found.hhi_all, 2), found.groups[0].name
    (0.5, 0.56, 'A')
    """
    everywhere = Counter(value for value in values if value is not None)
    chosen = Counter(value for at in selected if (value := values[at]) is not None)
    groups = [Group(name=name, n_units=everywhere[name], selected=n) for name, n in chosen.items()]
    groups.sort(key=lambda one: (-one.selected, one.name))
    return Concentration(
        field=field,
        hhi_selected=_hhi(chosen),
        hhi_all=_hhi(everywhere),
        groups=tuple(groups[:_SHOWN]),
    )


def _hhi(counts: Counter[str]) -> float:
    total = counts.total()
    return sum((n / total) ** 2 for n in counts.values()) if total else 0.0
