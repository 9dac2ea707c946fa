"""What is planted in small contracts, and what should give it away."""

from typing import Final

from training import inject_small_works as on_works
from training.simulation.small_work_draft import SmallWorkDraft
from training.typology import Typology

TYPOLOGIES: Final[tuple[Typology[SmallWorkDraft], ...]] = (
    Typology(
        "T12",
        "小额拆分同商",
        "one need in parts under the limit, to one group",
        on_works.plant_split,
        (
            "limit_ppm_total_30d_by_buyer_supplier_group",
            "n_name_like_90d_by_buyer_supplier_group",
            "half_limit_earlier_90d_by_buyer_supplier_group",
        ),
        "partly",
        history_days=60,
    ),
    Typology(
        "T13",
        "轮流坐庄",
        "the same suppliers quote together and win in turn",
        on_works.plant_ring,
        (
            "n_365d_by_panel",
            "close_quotes_sum_365d_by_panel",
            "runner_up_share_365d_by_supplier",
        ),
        "no",
        history_days=160,
    ),
    Typology(
        "T14",
        "低价中标高价变更",
        "awarded under the limit and settled above it",
        on_works.plant_raised,
        (
            "near_limit_earlier_this_year_by_buyer_supplier_group",
            "final_limit_ppm",
            "settled_crossed_total_this_year_by_buyer_supplier",
        ),
        "no",
        history_days=220,
    ),
    Typology(
        "L08",
        "统一为各村采购",
        "unified purchasing for villages",
        on_works.plant_unified,
        (
            "n_name_like_90d_by_buyer_supplier_group",
            "n_30d_by_buyer_supplier_group",
        ),
        "partly",
    ),
)
