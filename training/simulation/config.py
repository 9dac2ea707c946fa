"""The parameters of a simulated district: one TOML file, validated, frozen."""

import tomllib
from collections.abc import Iterator, Mapping
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Final, Literal, Self, cast

from pydantic import BaseModel, Field, ValidationError, model_validator

from features.contracts.errors import InputError, UnreadableSourceError
from features.scenarios.rulebook import laid_over
from training.simulation.ranges import Typologies
from training.simulation.section import Count, Positive, Section, Share

SHIPPED: Final = Path(__file__).resolve().parent.parent / "simulation.toml"

FULL: Final[Mapping[str, Mapping[str, object]]] = {
    "horizon": {"months": 60, "start": date(2020, 7, 1)},
    "district": {"firms": 40_000, "policies": 120, "officers": 400, "offices": 25},
    "payouts": {"count": 150_000},
    "approvals": {"projects": 12_000},
    "small_works": {"contracts": 60_000, "buyers": 400, "suppliers": 2_500},
    "assignments": {"count": 9_000, "officers_per_specialty": 3},
    "regime": {"month": 36},
    "injection": {"adaptive_month": 30},
}
"""A whole district over five years, in place of the shipped sizes of a demonstration."""

ByRoute = tuple[Positive, Positive, Positive]


class Horizon(Section):
    """When, and from which seed."""

    seed: Annotated[int, Field(ge=0)]
    start: date
    months: Annotated[int, Field(ge=6, le=120)]
    holdout_days: Annotated[int, Field(ge=7, le=120)]
    format: Literal["csv", "parquet"]

    @property
    def end(self) -> date:
        """The first day after the horizon.

        >>> horizon = Horizon(seed=1, start="2022-07-01", months=36, holdout_days=30, format="csv")
        >>> horizon.end.isoformat()
        '2025-07-01'
        """
        return self.after(self.months)

    def after(self, months: int) -> date:
        """The first day of the month that lies so many months behind the first."""
        years, month = divmod(self.start.month - 1 + months, 12)
        return self.start.replace(year=self.start.year + years, month=month + 1, day=1)


class DistrictSize(Section):
    """Who lives there."""

    firms: Annotated[int, Field(ge=100)]
    new_firm_share: Share
    firm_size_exponent: Annotated[float, Field(gt=1)]
    uninsured_share: Share
    policies: Annotated[int, Field(ge=20)]
    standing_policy_share: Share
    open_sector_share: Share
    officers: Annotated[int, Field(ge=10)]
    offices: Annotated[int, Field(ge=4)]
    agents: Annotated[int, Field(ge=2)]
    agent_user_share: Share
    agent_used_share: Share
    agent_device_share: Share
    park_share: Share
    parks: Count
    shared_representative_share: Share
    streets: Count

    @model_validator(mode="after")
    def _staffed(self) -> Self:
        if self.officers < self.offices:
            msg = f"{self.officers} officers cannot staff {self.offices} offices; raise officers"
            raise ValueError(msg)
        return self


class Payouts(Section):
    """How payouts behave."""

    count: Annotated[int, Field(ge=200)]
    december_bump: Positive
    weekend_weight: Share
    instant_share: Share
    wait_median_wd: Positive
    wait_sigma: Positive
    tier_share: Share
    rate_share: Share
    tiers_yuan: Annotated[tuple[Count, ...], Field(min_length=3)]
    tier_odds: tuple[Share, Share, Share]
    rate_low: Share
    rate_high: Share
    cap_low_yuan: Count
    cap_high_yuan: Count
    base_median_yuan: Positive
    base_sigma: Positive
    head_low_yuan: Count
    head_high_yuan: Count
    budget_room_low: Positive
    budget_room_high: Positive
    staged_share: Share
    stacked_share: Share
    hit_share: Share
    hit_stopped_share: Share
    unchecked_share: Share
    late_check_share: Share
    cancelled_share: Share
    reversed_share: Share
    dissolved_share: Positive


class Substance(Section):
    """What stands behind a payout: books of the firm, terms of the policy, the file itself."""

    revenue_per_head_yuan: Positive
    tax_share: Positive
    untaxed_share: Share
    kwh_per_head: Positive
    capex_policy_share: Share
    threshold_policy_share: Share
    indicator_median: Positive
    indicator_sigma: Positive
    indicator_growth: float
    indicator_noise: Positive
    source_skipped_share: Share
    stale_check_share: Share
    one_person_share: Share


class Repairs(Section):
    """How penalties are published and repaired."""

    penalised_share: Share
    class_shares: tuple[Share, Share, Share, Share, Share]
    fine_median_yuan: tuple[Positive, Positive, Positive, Positive, Positive]
    fine_sigma: Positive
    applied_share: Share
    least_days: Count
    least_days_strict: Count
    most_days: Count
    after_least_mean_days: Positive
    early_share: Share
    refused_share: Share
    decision_median_wd: Positive
    decision_sigma: Positive
    quick_share: Share
    promised_wd: Annotated[tuple[Count, ...], Field(min_length=1)]
    no_evidence_share: Share
    papers_missing_share: Share
    corrected_class_share: Share


class Approvals(Section):
    """How project approvals behave."""

    projects: Annotated[int, Field(ge=60)]
    contractors: Count
    designers: Count
    route_shares: tuple[Share, Share, Share]
    investment_median_yuan: ByRoute
    investment_sigma: ByRoute
    decision_median_wd: Positive
    decision_sigma: Positive
    decision_limit_wd: Count
    decision_heap_share: Share
    decision_extended_share: Share
    decision_late_share: Share
    fast_share: Share
    evaluation_median_wd: Positive
    evaluation_sigma: Positive
    evaluation_limit_wd: Count
    evaluation_exempt_share: Share
    estimate_mean: float
    estimate_sigma: Positive
    estimate_over_share: Share
    rejected_share: tuple[Share, Share, Share]
    refiled_share: Share
    permit_limit_wd: Count
    bidding_median_wd: Positive
    bidding_sigma: Positive
    start_median_days: Positive
    start_sigma: Positive
    early_start_share: Share
    extension_share: Share
    build_median_days: Positive
    build_sigma: Positive
    payments_mean: Positive
    change_base: Positive
    change_slope: Positive
    change_dispersion: Positive
    change_amount_sigma: Positive
    change_scale_sigma: Positive
    change_limit_wd: Count


ByClass = tuple[Positive, Positive, Positive]


class SmallWorks(Section):
    """How small contracts behave; triples are for works, goods and services."""

    contracts: Annotated[int, Field(ge=300)]
    buyers: Annotated[int, Field(ge=10)]
    suppliers: Annotated[int, Field(ge=60)]
    group_share: Share
    buyer_exponent: Annotated[float, Field(ge=0)]
    projects_per_matter: Count
    estimate_sigma: Positive
    december_bump: Positive
    weekend_weight: Share
    more_quotes_mean: Annotated[float, Field(ge=0)]
    few_quotes_share: Share
    quote_sigma: Positive
    list_length: Count
    list_pull: Positive
    heap_share: Share
    duration_median_days: ByClass
    amendments_mean: tuple[Share, Share, Share]
    amendment_mean: float
    amendment_sigma: Positive
    large_change_share: Share
    exact_share: tuple[Share, Share, Share]
    final_mean: float
    final_sigma: Positive


class Assignments(Section):
    """How review agencies are drawn: the head of a queue, or by lot among who is eligible."""

    drawn_by: Literal["rotation", "lot"]
    count: Annotated[int, Field(ge=300)]
    specialties: Annotated[int, Field(ge=1, le=20)]
    agencies_low: Annotated[int, Field(ge=4)]
    agencies_high: Annotated[int, Field(ge=4)]
    owners: Annotated[int, Field(ge=20)]
    officers_per_specialty: Count
    main_specialty_share: Share
    cover_share: Share
    recusal_share: Annotated[float, Field(ge=0, lt=0.5)]
    unstated_share: Share
    suspended_share: Annotated[float, Field(ge=0, lt=0.5)]
    suspension_days: Count
    withdrawn_share: Annotated[float, Field(ge=0, lt=0.5)]
    resubmitted_share: Share
    investment_median_yuan: Positive
    investment_sigma: Positive
    fee_rate: Positive
    fee_exponent: Positive
    fee_sigma: Positive
    reduction_mean: Annotated[float, Field(gt=0, lt=1)]
    reduction_sd: Positive
    review_median_wd: Positive
    review_sigma: Positive
    review_limit_wd: Count
    review_late_share: Share


class Faults(Section):
    """What is wrong with the records although nothing is wrong with the case."""

    late_share: Share
    late_days: Count
    missing_share: Share
    corrected_share: Share
    corrected_days: Count
    slip_share: Share
    duplicated_share: Share


class Regime(Section):
    """What changes for everybody from one month on: limits in time and in money."""

    month: Count
    decision_limit_wd: Count
    decision_median_wd: Positive
    cap_factor: Positive


class Injection(Section):
    """How much is planted, and when."""

    share: Share
    min_cases: Count
    holdout_share: Share
    quiet_days: Annotated[int, Field(ge=0)]
    look_alikes: Annotated[int, Field(ge=0)]
    adaptive_month: Count
    adaptive_share: Share


class Reviewers(Section):
    """How reviewers work: how much they get through, how late and how often wrongly."""

    rounds: Count
    reviews: Count
    """In a round."""
    days: Count
    """Between rounds, and between the last one and the instant of judging."""
    control_share: Share
    wrong_share: Share
    lag_median_days: Positive
    lag_sigma: Positive
    people: Count


class SimulationConfig(Section):
    """Everything that decides the bytes of a simulated district.

    >>> SimulationConfig.load().horizon.months
    36
    >>> SimulationConfig.load({"payouts": {"count": 500}}).payouts.count
    500
    """

    horizon: Horizon
    district: DistrictSize
    payouts: Payouts
    substance: Substance
    repairs: Repairs
    approvals: Approvals
    assignments: Assignments
    regime: Regime
    small_works: SmallWorks
    faults: Faults
    injection: Injection
    typologies: Typologies
    reviewers: Reviewers

    @classmethod
    def load(
        cls, changes: Mapping[str, Mapping[str, object]] | None = None, *, path: Path = SHIPPED
    ) -> Self:
        """Read a parameters file and apply `changes`, section by section.

        What neither of them sets is as shipped, so that a file may change one number alone.

        Raises
        ------
        UnreadableSourceError
            The file is missing or not TOML.
        InputError
            A parameter is unknown or outside its range; an unknown one is told the nearest.
        """
        sections = laid_over(changes or {}, laid_over(_read(path), _read(SHIPPED)))
        try:
            return cls.model_validate(sections)
        except ValidationError as error:
            raise InputError(_explain(path, error)) from error

    def to_toml(self) -> str:
        """The parameters as a file that `load` reads back to the same configuration."""
        return "\n".join(_tables("", self.model_dump()))


def _read(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UnreadableSourceError(f"{path.name}: not a readable TOML file") from error


def _tables(name: str, values: Mapping[str, object]) -> Iterator[str]:
    """The text of a table, if it has values of its own, and then of each table in it."""
    own = {key: value for key, value in values.items() if not isinstance(value, Mapping)}
    if own:
        yield f"[{name}]\n" + "".join(f"{key} = {_literal(value)}\n" for key, value in own.items())
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _tables(f"{name}.{key}".lstrip("."), value)


def _literal(value: object) -> str:
    if isinstance(value, str | date):
        return f'"{value}"'
    if isinstance(value, tuple):
        return "[" + ", ".join(_literal(item) for item in value) + "]"
    return str(value)


def _explain(path: Path, error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"]) or "parameters"
    if first["type"] == "extra_forbidden":
        return f"{path.name}: {where}: no such parameter; {_nearest(first['loc'])}"
    said = first["msg"].removeprefix("Value error, ")
    return f"{path.name}: {where}: {said}; compare with the shipped simulation.toml"


def _nearest(place: tuple[int | str, ...]) -> str:
    """The names that are nearest to one that its section does not know."""
    section: type[BaseModel] = SimulationConfig
    for part in place[:-1]:
        section = cast("type[BaseModel]", section.model_fields[str(part)].annotation)
    names = list(section.model_fields)
    near = get_close_matches(str(place[-1]), names) or names
    return f"nearest: {', '.join(near)}"
