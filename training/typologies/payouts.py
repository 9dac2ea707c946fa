"""What is planted in payouts, and what should give it away."""

from dataclasses import replace
from typing import Any, Final

from training import inject_payouts as on_payouts
from training.simulation.payout_draft import PayoutDraft
from training.typologies.credit_repairs import QUICK_REPAIR
from training.typology import Typology

TYPOLOGIES: Final[tuple[Typology[PayoutDraft], ...]] = (
    Typology(
        "T15",
        "空壳领补",
        "new firm without staff takes the cap",
        on_payouts.plant_shell_firm,
        (
            "age_near_cap_d",
            "age_at_application_d_robust_z_1095d_by_category",
            "employees_robust_z_1095d_by_category_sector",
        ),
        "partly",
        shows_to_rules=on_payouts.has_nobody_insured,
    ),
    Typology(
        "T16",
        "代办团伙",
        "ring of new firms behind one agent",
        on_payouts.plant_agent_ring,
        (
            "requests_enterprise_distinct_30d_by_agent_category",
            "requests_enterprise_distinct_365d_by_account",
            "ring_members",
        ),
        "no",
        subjects_per_case=24.0,
    ),
    Typology(
        "T17",
        "多头重复享受",
        "one object paid for by several departments",
        on_payouts.plant_duplicate_benefit,
        (
            "n_object_text_like_1095d_by_enterprise_object_paid_by",
            "is_new_object_code_authority_1095d",
            "is_amount_alike",
        ),
        "partly",
        shows_to_rules=on_payouts.keeps_the_code,
        subjects_per_case=1.3,
        history_days=60,
    ),
    Typology(
        "T18",
        "踩线达标",
        "figure just over the threshold",
        on_payouts.plant_threshold_figure,
        (
            "margin_after_a_miss_ppm",
            "over_threshold_ppm_robust_z_1095d_by_category_sector",
            "was_below_threshold",
        ),
        "no",
    ),
    Typology(
        "T20",
        "不查先付",
        "batch paid before or against the check",
        on_payouts.plant_unchecked_burst,
        (
            "requests_is_unchecked_sum_1d_by_officer",
            "sources_missing",
            "checked_after",
        ),
        "partly",
        subjects_per_case=15.0,
    ),
    Typology(
        "T21",
        "金额偏离",
        "amount far from its peers",
        on_payouts.plant_far_amount,
        (
            "amount_minor_robust_z_1095d_by_category_sector_size_band",
            "amount_minor_robust_z_1095d_by_authority_category",
            "amount_per_employee_minor_robust_z_1095d_by_category_sector",
        ),
        "no",
    ),
    Typology(
        "L01",
        "政策开闸集中申领",
        "rush on a policy's first day",
        on_payouts.plant_launch_rush,
        ("n_requests_60min_by_officer",),
        "no",
    ),
    Typology(
        "L02",
        "区域批量补录",
        "one street's records keyed in late",
        on_payouts.plant_bulk_backload,
        (),
        "no",
        lag_days=130,
    ),
    Typology(
        "L03",
        "集团统一申报",
        "group company with one desk and account",
        on_payouts.plant_group_company,
        (
            "requests_enterprise_distinct_30d_by_agent_category",
            "requests_enterprise_distinct_365d_by_account",
        ),
        "no",
    ),
)

PAID_AFTER_REPAIR: Final[Typology[Any]] = replace(
    QUICK_REPAIR,
    telling=(
        "n_credit_repairs_granted_30d_by_enterprise",
        "n_credit_repairs_penalties_105d_by_enterprise",
    ),
    fixed_rule="no",
)
"""What T19 shows in payouts; it is planned with the repairs."""
