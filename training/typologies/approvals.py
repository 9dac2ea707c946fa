"""What is planted in project approvals, and what should give it away."""

from typing import Final

from training import inject_approvals as on_approvals
from training.simulation.approval_draft import ApprovalDraft
from training.typology import Typology

TYPOLOGIES: Final[tuple[Typology[ApprovalDraft], ...]] = (
    Typology(
        "T01",
        "频繁小变更做大",
        "series of small increases",
        on_approvals.plant_salami_changes,
        (
            "n_changes_730d_by_project",
            "n_changes_90d_by_project",
            "changes_rise_ppm_sum_730d_by_project",
        ),
        "partly",
        history_days=270,
    ),
    Typology(
        "T03",
        "减量不减价",
        "scale cut, price kept",
        on_approvals.plant_scale_cut,
        (
            "rise_over_scale_ppm",
            "scale_rise_ppm",
            "unit_cost_robust_z_1095d_by_case_type_sector",
        ),
        "no",
        history_days=150,
    ),
    Typology(
        "T04",
        "未批先建补证",
        "works begin before the permit",
        on_approvals.plant_early_start,
        (
            "n_permits_1827d_by_project",
            "days_since_first_works_1827d_by_project",
            "activity_rarity_1095d_by_prev_activity",
        ),
        "partly",
        history_days=150,
    ),
    Typology(
        "T05",
        "重复备案套指标",
        "same project filed twice on one parcel",
        on_approvals.plant_duplicate_filing,
        ("project_distinct_1095d_by_parcel",),
        "no",
        history_days=150,
    ),
    Typology(
        "T06",
        "换道降级",
        "refused, then filed on a lighter route",
        on_approvals.plant_route_downgrade,
        (
            "n_rejections_365d_by_parcel",
            "project_distinct_1095d_by_parcel",
            "route_distinct_365d_by_parcel",
        ),
        "no",
        history_days=150,
    ),
    Typology(
        "T22",
        "评估缺失或走过场",
        "evaluation skipped or rushed",
        on_approvals.plant_rushed_evaluation,
        (
            "n_evaluations_1827d_by_project",
            "wait_wd_robust_z_1095d_by_prev_activity_activity",
            "wait_min_robust_z_1095d_by_prev_activity_activity",
        ),
        "no",
    ),
    Typology(
        "T02",
        "概算擦边",
        "estimates just under the limit",
        on_approvals.plant_estimate_edge,
        (
            "near_limit",
            "near_limit_sum_1827d_by_owner",
            "near_limit_mean_1827d_by_owner",
        ),
        "no",
        subjects_per_case=5.5,
        history_days=520,
    ),
    Typology(
        "L04",
        "抢险救灾工程",
        "flood emergency works",
        on_approvals.plant_flood_works,
        ("n_changes_90d_by_project", "wait_wd_robust_z_1095d_by_prev_activity_activity"),
        "partly",
    ),
    Typology(
        "L05",
        "分期园区",
        "phases of one park",
        on_approvals.plant_phased_park,
        ("project_distinct_1095d_by_parcel",),
        "partly",
        history_days=250,
    ),
    Typology(
        "L06",
        "区域批量补录",
        "one street's steps keyed in late",
        on_approvals.plant_step_backload,
        (),
        "no",
        lag_days=130,
    ),
)
