"""The parameters of a simulated district: one TOML file, validated, frozen."""

import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from features.contracts.errors import InputError, UnreadableSourceError

SHIPPED: Final = Path(__file__).resolve().parent.parent / "simulation.toml"

FULL: Final[Mapping[str, Mapping[str, object]]] = {
    "horizon": {"months": 60, "start": date(2020, 7, 1)},
    "district": {"firms": 40_000, "policies": 120, "officers": 400, "offices": 25},
    "payouts": {"count": 150_000},
    "approvals": {"projects": 12_000},
    "regime": {"month": 36},
    "injection": {"adaptive_month": 30},
}
"""A whole district over five years, in place of the shipped sizes of a demonstration."""

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
ByRoute = tuple[Positive, Positive, Positive]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Horizon(_Section):
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


class DistrictSize(_Section):
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
    streets: Count

    @model_validator(mode="after")
    def _staffed(self) -> Self:
        if self.officers < self.offices:
            msg = f"{self.officers} officers cannot staff {self.offices} offices; raise officers"
            raise ValueError(msg)
        return self


class Payouts(_Section):
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
    staged_share: Share
    stacked_share: Share
    hit_share: Share
    hit_stopped_share: Share
    unchecked_share: Share
    late_check_share: Share
    cancelled_share: Share
    reversed_share: Share


class Approvals(_Section):
    """How project approvals behave."""

    projects: Annotated[int, Field(ge=60)]
    contractors: Count
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


class Faults(_Section):
    """What is wrong with the records although nothing is wrong with the case."""

    late_share: Share
    late_days: Count
    missing_share: Share
    corrected_share: Share
    corrected_days: Count
    slip_share: Share
    duplicated_share: Share


class Regime(_Section):
    """What changes for everybody from one month on: limits in time and in money."""

    month: Count
    decision_limit_wd: Count
    decision_median_wd: Positive
    cap_factor: Positive


class Injection(_Section):
    """How much is planted, and when."""

    share: Share
    min_cases: Count
    holdout_share: Share
    quiet_days: Annotated[int, Field(ge=0)]
    look_alikes: Annotated[int, Field(ge=0)]
    adaptive_month: Count
    adaptive_share: Share


class SimulationConfig(_Section):
    """Everything that decides the bytes of a simulated district.

    >>> SimulationConfig.load().horizon.months
    36
    >>> SimulationConfig.load({"payouts": {"count": 500}}).payouts.count
    500
    """

    horizon: Horizon
    district: DistrictSize
    payouts: Payouts
    approvals: Approvals
    regime: Regime
    faults: Faults
    injection: Injection

    @classmethod
    def load(
        cls, changes: Mapping[str, Mapping[str, object]] | None = None, *, path: Path = SHIPPED
    ) -> Self:
        """Read a parameters file and apply `changes`, section by section.

        Raises
        ------
        UnreadableSourceError
            The file is missing or not TOML.
        InputError
            A parameter is unknown, missing or outside its range.
        """
        try:
            sections = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise UnreadableSourceError(f"{path.name}: not a readable TOML file") from error
        for name, values in (changes or {}).items():
            sections[name] = {**sections.get(name, {}), **values}
        try:
            return cls.model_validate(sections)
        except ValidationError as error:
            raise InputError(_explain(path, error)) from error

    def to_toml(self) -> str:
        """The parameters as a file that `load` reads back to the same configuration."""
        sections = self.model_dump(mode="json")
        return "\n".join(
            f"[{name}]\n" + "".join(f"{key} = {_literal(value)}\n" for key, value in values.items())
            for name, values in sections.items()
        )


def _literal(value: object) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, list):
        return "[" + ", ".join(_literal(item) for item in value) + "]"
    return str(value)


def _explain(path: Path, error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"]) or "parameters"
    return f"{path.name}: {where}: {first['msg']}; compare with the shipped simulation.toml"
