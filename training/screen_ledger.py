"""Screening of a ledger by one bundle: features, host answers, units, all parts of the report."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl

from features.batch import build
from features.contracts.errors import InputError
from features.contracts.events import to_us
from features.spec import Scenario, Unit
from features.store.ledger import Ledger
from features.table import FeatureTable
from models.bundle import Bundle
from training.cases import Cases
from training.concentration import concentrations
from training.host_answers import answered
from training.labels import Labels
from training.period import PeriodModel
from training.reads import fields_read
from training.sampled import sampled
from training.screen import Scored, orders_of, screen
from training.screening import Sampled, Screening
from training.stability import stability
from training.units import tail_p

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Asked:
    """What a screening is asked for; everything may be left out."""

    since: datetime | None = None
    until: datetime | None = None
    truth: pl.DataFrame | None = None
    answers: pl.DataFrame | None = None
    """The host's own answers to fixed rules (`training.host_answers`)."""
    labels: Labels | None = None
    by: Sequence[str] = ()
    """Fields over whose values the selected units are counted."""
    n_refits: int = 0
    sensitive: bool = False
    """Whether a model that is fitted on the judged events takes sensitive features."""


def screen_ledger(
    ledger: Ledger,
    scenario: Scenario,
    bundle: Bundle | None,
    asked: Asked,
    *,
    budget: float,
    progress: Progress | None = None,
) -> Screening:
    """Judge the events of `scenario` that happened in the window asked for.

    Without a bundle they are judged by a model that is fitted on them, without labels and truth;
    nothing is then refitted.

    Raises
    ------
    InputError
        No event happened in the window, truth, warnings or findings are about other events, or a
        field asked for is not declared.
    """
    everything = build(ledger, scenario, progress=progress)
    table = everything.rows(_inside(everything, asked))
    if len(table) == 0:
        raise InputError(f"no event of {scenario.name} happened in that time; widen it or ingest")
    n_answers = 0
    if asked.answers is not None:
        table, n_answers, _ = answered(table, asked.answers, until=asked.until)
    scored = _scored(bundle, table, scenario, sensitive=asked.sensitive)
    cases = None if asked.truth is None else _cases(table, everything, asked.truth)
    orders = orders_of(scored, budget)
    fitted = everything.rows(everything.effective_us <= scored.fitted_until_us)
    return screen(scored, budget=budget, unit=unit_text(scenario.unit), cases=cases).model_copy(
        update={
            "n_host_answers": n_answers,
            "concentration": concentrations(ledger, scenario, table, orders, asked.by),
            "sampled": _sampled(asked.labels, table),
            "stability": None
            if bundle is None
            else stability(bundle, fitted, table, orders, n_refits=asked.n_refits),
        }
    )


def _cases(table: FeatureTable, everything: FeatureTable, truth: pl.DataFrame) -> Cases:
    """What was planted in `table`; a truth about another ledger would make every find a miss."""
    n = len(truth.filter(pl.col("scenario") == table.scenario))
    if n and not Cases.of(everything, truth).cases:
        message = (
            f"truth table: none of its {n} events of {table.scenario} is in the ledger; "
            "ingest the histories that it was written with"
        )
        raise InputError(message)
    return Cases.of(table, truth)


def _scored(
    bundle: Bundle | None, table: FeatureTable, scenario: Scenario, *, sensitive: bool
) -> Scored:
    if bundle is None:
        return scored_alone(table, scenario, sensitive=sensitive)
    return scored_by(bundle, table, scenario)


def scored_alone(
    table: FeatureTable, scenario: Scenario, *, seed: int = 0, sensitive: bool = False
) -> Scored:
    """The rows of `table` as a model scores them that is fitted on them (`training.period`)."""
    left_out = scenario.left_out(sensitive=sensitive)
    model = PeriodModel.fit(table, left_out=left_out, seed=seed, peers_apart=scenario.peers_apart)
    return Scored(
        table=table,
        score=model.score,
        p=model.p,
        held_out=np.sort(model.score),
        names=model.names,
        contributions=model.contributions,
        severities={rule.name: rule.severity for rule in scenario.rules},
        model="fitted on the judged events",
        reads=fields_read(scenario),
        fitted_until_us=int(table.effective_us[-1]),
    )


def scored_by(bundle: Bundle, table: FeatureTable, scenario: Scenario) -> Scored:
    """The rows of `table` as a bundle scores them."""
    held_out = bundle.calibration.scores
    score = bundle.score(table.values)
    return Scored(
        table=table,
        score=score,
        p=tail_p(score, held_out),
        held_out=held_out,
        names=bundle.names,
        contributions=lambda at: bundle.contributions(table.values[at])[1],
        severities={rule.name: rule.severity for rule in scenario.rules},
        model=bundle.digest,
        reads=fields_read(scenario),
        fitted_until_us=to_us(datetime.fromisoformat(bundle.manifest.training.end)),
    )


def unit_text(unit: Unit) -> str:
    """What a unit is, in words.

    >>> unit_text(Unit()), unit_text(Unit(("agency", "officer"), "quarter"))
    ('event', 'agency and officer in a quarter')
    """
    if not unit.key:
        return "event"
    return " and ".join(unit.key) + (f" in a {unit.period}" if unit.period else "")


def _sampled(labels: Labels | None, table: FeatureTable) -> Sampled | None:
    """What findings about judged events say; of others they are left out."""
    if labels is None:
        return None
    is_judged = labels.rows(table.event_id.tolist()) >= 0
    if len(is_judged) and not is_judged.any():
        message = (
            f"none of the {len(is_judged)} findings is about a judged event of {table.scenario}; "
            "give the event_id that the ledger has, or widen the time"
        )
        raise InputError(message)
    return sampled(labels.chosen(is_judged), len(table))


def _inside(table: FeatureTable, asked: Asked) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    chosen = np.ones(len(table), bool)
    if asked.since is not None:
        chosen &= table.effective_us >= to_us(asked.since)
    if asked.until is not None:
        chosen &= table.effective_us < to_us(asked.until)
    return chosen
