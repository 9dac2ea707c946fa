"""What is planted in payouts, and what should give it away."""

from typing import Final

from training import inject_payouts as on_payouts
from training.simulation.payout_draft import PayoutDraft
from training.typology import Typology

TYPOLOGIES: Final[tuple[Typology[PayoutDraft], ...]] = (
    Typology(
        "T15",
        "空壳领补",
        "new firm without staff takes the cap",
        on_payouts.plant_shell_firm,
        ("age_d", "employees", "cap_ppm"),
        "partly",
        {
            "age_days": on_payouts.SHELL_AGE_DAYS,
            "insured": on_payouts.SHELL_INSURED,
            "share_of_cap": on_payouts.SHELL_OF_CAP,
        },
    ),
    Typology(
        "T16",
        "代办团伙",
        "ring of new firms behind one agent",
        on_payouts.plant_agent_ring,
        (
            "enterprise_distinct_30d_by_agent",
            "ring_members",
            "agent_share_365d_by_authority",
        ),
        "no",
        {
            "n_firms": on_payouts.RING_FIRMS,
            "span_days": on_payouts.RING_DAYS,
            "shared_account": on_payouts.RING_SHARED_ACCOUNT,
            "shared_contact": on_payouts.RING_SHARED_CONTACT,
        },
        subjects_per_case=24.0,
    ),
    Typology(
        "T17",
        "多头重复享受",
        "one object paid for by several departments",
        on_payouts.plant_duplicate_benefit,
        (
            "n_1095d_by_object_code",
            "authority_distinct_365d_by_enterprise",
            "is_new_enterprise_authority_1095d",
        ),
        "partly",
        {"gap_days": on_payouts.DUPLICATE_GAP_DAYS},
        subjects_per_case=1.3,
        history_days=60,
    ),
    Typology(
        "T20",
        "不查先付",
        "batch paid before or against the check",
        on_payouts.plant_unchecked_burst,
        ("check_lead_min", "has_check", "n_1d_by_officer"),
        "partly",
        {"n_payouts": on_payouts.UNCHECKED_BURST},
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
        {"times_high_amount": on_payouts.AMOUNT_OVER_HIGH},
    ),
    Typology(
        "L01",
        "政策开闸集中申领",
        "rush on a policy's first day",
        on_payouts.plant_launch_rush,
        ("n_1d_by_officer",),
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
        ("enterprise_distinct_30d_by_agent", "enterprise_distinct_365d_by_account"),
        "no",
    ),
)
