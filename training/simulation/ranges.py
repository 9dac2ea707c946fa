"""The sections `[typologies.*]` of the parameters: what each typology and look-alike is made of.

Keys that begin with `adaptive_` are of offenders who know the host's limits.
"""

from typing import Annotated, Any

from pydantic import Field

from training.simulation.dial import (
    AmountDial,
    AmountRange,
    CountDial,
    CountRange,
    PartDial,
    PartRange,
    SeriesDial,
    ShareDial,
    ShareRange,
    between,
)
from training.simulation.section import Count, Positive, Section, Share


class SalamiChanges(Section):
    """T01: many small increases in a row."""

    n_changes: SeriesDial
    increase: AmountDial
    gap_days: AmountDial
    adaptive_changes: Annotated[int, Field(ge=2)]


class EstimateEdge(Section):
    """T02: project after project just under the limit of a rise."""

    n_projects: CountDial
    rise: AmountRange
    adaptive_rise: AmountRange
    span_days: Count


class ScaleCut(Section):
    """T03: scale is cut, the price kept."""

    cut: PartDial
    price_cut: PartRange


class EarlyStart(Section):
    """T04: works begin before the permit."""

    lead_days: AmountDial
    payment_days: CountRange
    """From the start to the first payment."""


class DuplicateFiling(Section):
    """T05: nearly the same project on the same parcel."""

    gap_days: AmountDial
    difference: PartDial


class RouteDowngrade(Section):
    """T06: refused, and filed again on a lighter route."""

    gap_days: AmountDial
    under_level: PartDial


class DirectedDraws(Section):
    """T07: heads are passed over for one agency."""

    times_expected: AmountDial
    """How often a favourite comes, times what is expected."""
    skipped_heads: CountDial
    adaptive_skips: Count
    large_fee_quantile: Share
    """Of a specialty's fees, above which a case is large."""


class TimedSubmissions(Section):
    """T08: submitted when a favourite is next."""

    n_submissions: CountDial
    lag_hours: AmountDial


class Redraws(Section):
    """T09: withdrawn and filed again for another draw."""

    n_withdrawals: CountDial
    n_cases: CountDial


class LenientReviews(Section):
    """T10: one agency is mild and fast for a few owners."""

    n_reviews: SeriesDial
    reduction: ShareDial
    turnaround: AmountDial
    """What is left of the usual time."""
    linked_owners: Count


class Triad(Section):
    """T11: owner, agency and officer come together again and again."""

    n_meetings: CountDial


class Split(Section):
    """T12: one need in parts under the limit."""

    n_parts: Annotated[CountDial, between(1, 12)]
    share_of_limit: ShareDial
    adaptive_share_of_limit: ShareDial
    span_days: CountDial
    lots_share: Share
    """Of the cases, those named as lots of one work; the others name a village each."""
    two_projects_share: Share
    group_share: Share
    """Of the cases, those in which suppliers of one owner take turns."""


class SupplierRing(Section):
    """T13: the same suppliers quote together and win in turn."""

    n_lots: CountDial
    spacing: AmountDial
    outsiders: ShareDial
    outsider_quote: AmountRange
    """Over the dearest of the ring."""
    n_suppliers: CountRange
    span_days: Count


class RaisedPrice(Section):
    """T14: awarded under the limit and settled above it."""

    award_of_limit: Positive
    final_of_limit: AmountDial
    n_contracts: CountDial
    span_days: Annotated[int, Field(ge=140)]


class ShellFirm(Section):
    """T15: a new firm without staff takes the cap."""

    age_days: AmountDial
    insured: AmountDial
    share_of_cap: ShareDial
    kwh: CountRange
    lasts_days: CountRange
    """From the payment to the end of the firm."""


class AgentRing(Section):
    """T16: a ring of new firms behind one agent."""

    n_firms: CountDial
    span_days: AmountDial
    shared_account: ShareDial
    shared_contact: ShareDial
    age_days: CountRange
    staff: CountRange


class DuplicateBenefit(Section):
    """T17: one object is paid for by several departments."""

    gap_days: AmountDial
    amount: AmountRange
    """Over the first, while the other policy allows it."""


class ThresholdFigure(Section):
    """T18: a figure just over the threshold."""

    over_threshold: AmountDial
    true_figure: AmountRange
    """Over the threshold, in the periods before and after."""


class QuickRepair(Section):
    """T19: a penalty, its repair within moments, a payout soon after."""

    repair_wd: AmountDial
    share_published: ShareDial
    payout_days: CountDial
    adaptive_repair_wd: Count
    downgraded_share: Share
    downgraded_published_days: CountRange
    """From publication to repair, where the class is put down."""
    downgraded_days: CountRange
    """From the milder class to the application."""
    strict_share: Share
    """Of those repaired too early, of a strict class."""
    unproven_share: Share
    paperless_share: Share


class UncheckedBurst(Section):
    """T20: a batch is paid before or against the check."""

    n_payouts: CountDial
    seconds_each: CountRange
    ignored_hit_share: Share
    """Of the payouts of a blatant case."""


class FarAmount(Section):
    """T21: an amount far from its peers."""

    times_high_amount: AmountDial


class RushedEvaluation(Section):
    """T22: an evaluation is skipped or rushed."""

    working_days: AmountDial


class LaunchRush(Section):
    """L01: a policy opens and many are paid on the day."""

    n_payouts: CountRange
    """At least and at most; else one in 400 of all."""


class BulkBackload(Section):
    """L02 and L06: one street's records are keyed in late."""

    span_days: Count
    keyed_days: Annotated[CountRange, between(1, 129)]
    """From the last record to the bulk load."""


class GroupCompany(Section):
    """L03: a group has one desk and one account."""

    n_firms: CountRange
    span_days: Positive
    staff_over: Annotated[int, Field(ge=0)]


class FloodWorks(Section):
    """L04: emergency works, begun the day after the approval."""

    n_changes: CountRange
    gap_days: CountRange
    permit_days: Count
    payment_days: Count
    completed_days: Count


class PhasedPark(Section):
    """L05: phases of one park."""

    n_phases: CountRange
    gap_days: CountRange
    size: AmountRange
    """Of a phase, over the first."""
    first_days: Count
    """From the first phase to the anchor."""


class SoleAgency(Section):
    """L07: a rare specialty has one agency."""

    n_cases: CountRange
    n_before: Count


class UnifiedPurchase(Section):
    """L08: a town buys the same for its villages."""

    n_villages: Annotated[CountRange, between(1, 30)]
    span_days: Count
    share_of_limit: ShareRange
    unified_share: Share
    """Of the cases, those awarded as unified purchases; the others by quotes."""


class ReformMonth(Section):
    """L09: every repair is decided soon."""

    days: Count
    decision_wd: CountRange


class Typologies(Section):
    """How strong each typology may be, and how large each look-alike."""

    T01: SalamiChanges
    T02: EstimateEdge
    T03: ScaleCut
    T04: EarlyStart
    T05: DuplicateFiling
    T06: RouteDowngrade
    T07: DirectedDraws
    T08: TimedSubmissions
    T09: Redraws
    T10: LenientReviews
    T11: Triad
    T12: Split
    T13: SupplierRing
    T14: RaisedPrice
    T15: ShellFirm
    T16: AgentRing
    T17: DuplicateBenefit
    T18: ThresholdFigure
    T19: QuickRepair
    T20: UncheckedBurst
    T21: FarAmount
    T22: RushedEvaluation
    L01: LaunchRush
    L02: BulkBackload
    L03: GroupCompany
    L04: FloodWorks
    L05: PhasedPark
    L06: BulkBackload
    L07: SoleAgency
    L08: UnifiedPurchase
    L09: ReformMonth

    def of(self, code: str) -> Any:  # noqa: ANN401  (each code has a section of its own class)
        """The section of one typology."""
        return getattr(self, code)
