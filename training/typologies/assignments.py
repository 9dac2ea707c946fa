"""What is planted in assignments, and what should give it away."""

from typing import Final

from training import inject_assignments as on_assignments
from training.simulation.assignment_draft import AssignmentDraft
from training.typology import Typology

TYPOLOGIES: Final[tuple[Typology[AssignmentDraft], ...]] = (
    Typology(
        "T07",
        "轮候定向",
        "heads passed over for one agency",
        on_assignments.plant_directed_draws,
        ("skips_once_in", "pair_once_in", "value_once_in"),
        "no",
        history_days=95,
    ),
    Typology(
        "T08",
        "卡点报送",
        "submitted when a favourite is next",
        on_assignments.plant_timed_submissions,
        ("timing_once_in", "triad_once_in", "pair_once_in"),
        "no",
        history_days=95,
    ),
    Typology(
        "T09",
        "撤报换号",
        "withdrawn and filed again for another draw",
        on_assignments.plant_redraws,
        ("redraw_once_in", "n_redrawn_this_quarter_by_officer_agency"),
        "no",
        history_days=95,
    ),
    Typology(
        "T10",
        "利益评审",
        "one agency mild and fast for a few owners",
        on_assignments.plant_lenient_reviews,
        ("leniency_once_in", "speed_once_in", "review_once_in"),
        "no",
        history_days=95,
    ),
    Typology(
        "T11",
        "三角固化",
        "owner, agency and officer together again and again",
        on_assignments.plant_triad,
        ("triad_once_in", "n_365d_by_owner_agency_officer", "pair_once_in"),
        "no",
        subjects_per_case=2.0,
        history_days=380,
    ),
    Typology(
        "L07",
        "冷门专业唯一机构",
        "sole qualified agency of a rare specialty",
        on_assignments.plant_sole_agency,
        ("pair_once_in", "agency_share_this_quarter_by_officer"),
        "no",
        history_days=95,
    ),
)
