"""What is planted in credit repairs, and what should give it away."""

from typing import Any, Final

from training import inject_repairs as on_repairs
from training.simulation.repair_draft import RepairDraft
from training.typology import Typology

QUICK_REPAIR: Final[Typology[Any]] = Typology(
    "T19",
    "带病秒修领补",
    "repaired at once, paid soon after",
    on_repairs.plant_quick_repair,
    (
        "published_share_ppm",
        "n_evidence_1095d_by_penalty",
        "n_downgrades_45d_by_penalty",
    ),
    "partly",
    history_days=210,
)
TYPOLOGIES: Final[tuple[Typology[RepairDraft], ...]] = (
    QUICK_REPAIR,
    Typology(
        "L09",
        "提速改革月",
        "a reform month with shorter durations",
        on_repairs.plant_reform_month,
        ("wait_wd_robust_z_1095d_by_authority_penalty_class",),
        "partly",
        history_days=210,
        lag_days=60,
    ),
)
