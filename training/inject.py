"""What the simulator plants: the table of typologies, and the plan of who is planted when.

Codes T01 to T22 are integrity typologies, L01 to L06 benign look-alikes that must not top a queue.
A typology's dials say how each quantity runs from mild to extreme; the lower, middle and upper
third of a dial are the severities subtle, moderate and blatant. Names describe how histories
differ, for the evaluation only: nothing here is ever shown as a finding about somebody.

>>> TYPOLOGIES["T16"].range_of("n_firms", "blatant")
(29.33..., 40.0)
>>> sorted(code for code, each in TYPOLOGIES.items() if each.benign)
['L01', 'L02', 'L03', 'L04', 'L05', 'L06']
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, Literal, TypeVar

import numpy as np

from training import inject_approvals as on_approvals
from training import inject_payouts as on_payouts
from training.simulation.approval_draft import ApprovalDraft
from training.simulation.case import SEVERITIES, Case, Dial, Severity
from training.simulation.columns import stream
from training.simulation.config import Injection, SimulationConfig
from training.simulation.days import DAY_S
from training.simulation.district import Clock
from training.simulation.payout_draft import PayoutDraft

Draft = TypeVar("Draft")
SeenByRule = Literal["yes", "partly", "no"]


@dataclass(frozen=True)
class Typology(Generic[Draft]):
    """One way in which a history can differ, or only seem to.

    `telling` names at most three features that should give it away; `fixed_rule` says whether the
    platform's fixed rules see it. `subjects_per_case` sizes the plan; `history_days` is how much
    history a case needs before its anchor, `lag_days` how long before the end it must lie.
    """

    code: str
    title_zh: str
    title_en: str
    plant: Callable[[Draft, Case, np.random.Generator], None]
    telling: tuple[str, ...]
    fixed_rule: SeenByRule
    dials: Mapping[str, Dial] = field(default_factory=dict)
    subjects_per_case: float = 1.0
    history_days: int = 0
    lag_days: int = 0

    @property
    def benign(self) -> bool:
        """Whether it is a look-alike with a good explanation."""
        return self.code.startswith("L")

    def range_of(self, dial: str, severity: Severity) -> tuple[float, float]:
        """From where to where a dial runs at one severity."""
        third = SEVERITIES.index(severity) / 3
        return self.dials[dial].at(third), self.dials[dial].at(third + 1 / 3)


PAYOUT_TYPOLOGIES: Final[tuple[Typology[PayoutDraft], ...]] = (
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
            "enterprise_distinct_365d_by_account",
            "agent_share_365d_by_authority",
        ),
        "no",
        {
            "n_firms": on_payouts.RING_FIRMS,
            "span_days": on_payouts.RING_DAYS,
            "shared_account": on_payouts.RING_SHARED_ACCOUNT,
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

APPROVAL_TYPOLOGIES: Final[tuple[Typology[ApprovalDraft], ...]] = (
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
        {
            "n_changes": on_approvals.CHANGES,
            "increase": on_approvals.CHANGE_STEP,
            "gap_days": on_approvals.CHANGE_GAP_DAYS,
        },
        history_days=270,
    ),
    Typology(
        "T03",
        "减量不减价",
        "scale cut, price kept",
        on_approvals.plant_scale_cut,
        ("scale_rise_ppm", "unit_cost_robust_z_1095d_by_case_type_sector"),
        "no",
        {"cut": on_approvals.SCALE_CUT},
        history_days=150,
    ),
    Typology(
        "T04",
        "未批先建补证",
        "works begin before the permit",
        on_approvals.plant_early_start,
        ("n_permits_1827d_by_project", "activity_rarity_1095d_by_prev_activity"),
        "partly",
        {"lead_days": on_approvals.LEAD_DAYS},
        history_days=150,
    ),
    Typology(
        "T05",
        "重复备案套指标",
        "same project filed twice on one parcel",
        on_approvals.plant_duplicate_filing,
        ("project_distinct_1095d_by_parcel",),
        "no",
        {
            "gap_days": on_approvals.TWIN_GAP_DAYS,
            "difference": on_approvals.TWIN_DIFFERENCE,
        },
        history_days=150,
    ),
    Typology(
        "T06",
        "换道降级",
        "refused, then filed on a lighter route",
        on_approvals.plant_route_downgrade,
        ("n_rejections_365d_by_parcel", "project_distinct_1095d_by_parcel"),
        "no",
        {
            "gap_days": on_approvals.REFILE_GAP_DAYS,
            "under_level": on_approvals.UNDER_LEVEL,
        },
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
        {"working_days": on_approvals.RUSH_WD},
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

_ALL: Final[tuple[Typology[Any], ...]] = (*PAYOUT_TYPOLOGIES, *APPROVAL_TYPOLOGIES)
TYPOLOGIES: Final[Mapping[str, Typology[Any]]] = {each.code: each for each in _ALL}


def plant_all(
    draft: Draft,
    typologies: Sequence[Typology[Draft]],
    config: SimulationConfig,
    frame: tuple[Clock, int],
) -> list[Case]:
    """Plant every planned case into a draft; `frame` is the clock and the number of subjects."""
    clock, subjects = frame
    n_real = sum(not each.benign for each in typologies)
    cases: list[Case] = []
    for typology in typologies:
        rng = stream(config.horizon.seed, f"inject {typology.code}")
        n = _n_cases(typology, config.injection, subjects / n_real)
        for case in _plan(typology, rng, (clock, config.injection), (n, len(cases))):
            typology.plant(draft, case, rng)
            cases.append(case)
    return cases


def _n_cases(typology: Typology[Any], rules: Injection, subjects: float) -> int:
    if typology.benign:
        return rules.look_alikes
    return max(rules.min_cases, round(rules.share * subjects / typology.subjects_per_case))


def _plan(
    typology: Typology[Any],
    rng: np.random.Generator,
    frame: tuple[Clock, Injection],
    numbers: tuple[int, int],
) -> list[Case]:
    """Severities in equal parts, anchors over the horizon, some of them in the holdout."""
    (clock, rules), (n, first) = frame, numbers
    recent = np.zeros(n, dtype=np.bool_)
    if not typology.lag_days:
        recent[rng.permutation(n)[: max(1, round(n * rules.holdout_share))]] = True
    early = clock.start + max(rules.quiet_days, typology.history_days) * DAY_S
    late = min(clock.holdout - 3 * DAY_S, clock.end - typology.lag_days * DAY_S)
    anchors = np.where(
        recent,
        rng.integers(clock.holdout + DAY_S, clock.end - 4 * DAY_S, n),
        rng.integers(min(early, late - DAY_S), late, n),
    )
    third = rng.permutation(np.arange(n) % len(SEVERITIES))
    strength = (third + rng.random(n)) / len(SEVERITIES)
    return [
        Case(
            number=first + at,
            code=typology.code,
            severity=None if typology.benign else SEVERITIES[third[at]],
            strength=float(strength[at]),
            anchor=int(anchors[at]),
            recent=bool(recent[at]),
        )
        for at in range(n)
    ]
