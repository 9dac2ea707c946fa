"""What model and fixed rules find in simulated cities with known cases, beside the bars.

Run by `make bench-scenarios`; prints tables and writes `build/bench/scenarios.json`. All scenarios
of `training.simulate.PARTS`, 0.5 % of the subjects planted, typologies and severities in equal
parts, a budget of 1 % of the units, seeds 11 to 15. Those seeds are for the final figure alone;
whoever changes a detector looks at `--seeds 1 2 3 4 5`.

A subject is a unit of the scenario (`Scenario.unit`). Recall is pooled over seeds for each typology
and severity, then the twenty typologies of the table count alike, so that one ring of forty payouts
weighs no more than forty firms; with the two that are planted besides (T21, T22) it stands beside.
Finds per 100 reviews and look-alikes are pooled over seeds, then scenarios count alike.
"""

import argparse
import json
import multiprocessing
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, replace
from functools import partial
from math import isnan
from pathlib import Path
from statistics import fmean
from typing import Final

from serving.cli import show
from tests.bench.bars import Bar
from tests.bench.screened import BUDGET, SHARE, Sizes, Told, screen_city, shares
from training.fair_draw import fair_draw_false_alarm
from training.inject import TYPOLOGIES
from training.screening import UnitRecall
from training.simulate import PARTS
from training.unit_orders import UnitArmName

SEEDS: Final = (11, 12, 13, 14, 15)
OUT: Final = Path("build/bench/scenarios.json")
QUICK: Final = Sizes(
    payouts=4_000,
    firms=800,
    projects=600,
    contracts=6_000,
    buyers=60,
    suppliers=500,
    assignments=4_500,
    specialties=5,
    owners=100,
)
BARS: Final = {
    "recall_blatant": Bar("blatant subjects of T01-T20 that the model's budget selects", ">=", 0.9),
    "recall_moderate": Bar("the same, moderate", ">=", 0.7),
    "recall_subtle": Bar("the same, subtle", ">=", 0.35),
    "recall_rule_missed": Bar("the same, typologies that fixed rules do not see", ">=", 0.6),
    "recall_unhit": Bar("the same, subjects that no fixed rule hits"),
    "recall_adaptive": Bar("the same, who knows the rules and keeps clear of them"),
    "recall_blatant_further": Bar("blatant, with the two further typologies (T21, T22)"),
    "recall_moderate_further": Bar("the same, moderate"),
    "recall_subtle_further": Bar("the same, subtle"),
    "finds_per_100_model": Bar("finds in 100 reviews of the model's choice"),
    "finds_per_100_rules": Bar("the same, the fixed rules' choice"),
    "finds_per_100_split": Bar("the same, half the reviews each"),
    "model_over_rules": Bar("finds of the model / of the rules", ">=", 2),
    "split_over_rules": Bar("finds of the split / of the rules", ">=", 1),
    "explanation_hit_top3": Bar("finds with a telling feature in three reasons", ">=", 0.85),
    "lookalike_share_topk": Bar("share of look-alikes among selected / among all", "<=", 3),
    "label_gap_closed": Bar("gap to the best precision that 300 reviews close", ">=", 0.3),
    "label_gap_closed_reviews": Bar("the same, every review counting alike"),
    "fair_draw_false_alarm": Bar(
        "false alarm rate of the rotation tests on fair draws, nominal 0.05", ">=", 0.03, 0.07
    ),
    "recall_blatant_served": Bar("blatant, by the model of the first four fifths, as served"),
    "recall_moderate_served": Bar("the same, moderate"),
    "recall_subtle_served": Bar("the same, subtle"),
    "yardstick_blatant": Bar("blatant cases that rules should hit and do", ">=", 0.9),
    "yardstick_blatant_units": Bar("blatant units of kinds that rules see in part, hit"),
    "yardstick_precision": Bar("share of the rules' hits that are planted", ">=", 0.03, 0.17),
}
_SEVERITIES: Final = ("blatant", "moderate", "subtle")
_FURTHER: Final = ("T21", "T22")
"""Typologies beyond the twenty that the bars are about."""
_ARMS: Final[tuple[UnitArmName, ...]] = ("model", "rules", "split")


def main() -> None:
    """Screen the cities, show the figures and write them down."""
    asked = _asked()
    sizes = QUICK if asked.quick else Sizes()
    began = time.monotonic()
    told = _screened(asked.seeds, sizes, asked)
    seconds = time.monotonic() - began
    values = figures(told) | _fair_draws(asked)
    _write(values, told, sizes, seconds)
    _show_recalls(told)
    _show_yardstick(told)
    _show_figures(values, sizes, len(asked.seeds))
    show.say(f"{seconds:.0f} s; {OUT}")


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS))
    parser.add_argument("--scenarios", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--quick", action="store_true", help="a tenth of the size")
    parser.add_argument("--no-labels", action="store_true", help="leave out the simulated reviews")
    parser.add_argument("--workers", type=int, default=min(2, os.cpu_count() or 1))
    return parser.parse_args()


def _screened(seeds: Sequence[int], sizes: Sizes, asked: argparse.Namespace) -> list[Told]:
    """The cities side by side, in processes of their own."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(asked.workers, mp_context=context) as pool:
        waiting = [
            pool.submit(
                screen_city, seed, sizes, scenarios=asked.scenarios, labels=not asked.no_labels
            )
            for seed in seeds
        ]
        found = [told for done in as_completed(waiting) for told in done.result()]
    return sorted(found, key=lambda one: (one.scenario, one.seed))


def figures(told: Sequence[Told]) -> dict[str, float]:
    """All figures of the bench that can be told; the others are left out."""
    served = [replace(one, screening=one.served) for one in told]
    values = {
        f"recall_{severity}{suffix}": _recall(of, partial(_is_severity, severity), further=further)
        for suffix, of, further in (
            ("", told, False),
            ("_served", served, False),
            ("_further", told, True),
        )
        for severity in _SEVERITIES
    }
    values["recall_rule_missed"] = _recall(
        told, lambda row: TYPOLOGIES[row.typology].fixed_rule == "no"
    )
    values["recall_unhit"] = _recall(told, count=lambda row: (row.unhit_model, row.n_unhit))
    values["recall_adaptive"] = _recall(
        told, count=lambda row: (row.adaptive_model, row.n_adaptive)
    )
    values |= {f"finds_per_100_{arm}": 100 * _by_scenario(told, _finds(arm)) for arm in _ARMS}
    rules = values["finds_per_100_rules"]
    for arm in ("model", "split"):
        values[f"{arm}_over_rules"] = values[f"finds_per_100_{arm}"] / rules if rules else 0.0
    values["explanation_hit_top3"] = shares(
        [(e.hits, e.n) for one in told if (e := one.screening.explained)]
    )
    values["lookalike_share_topk"] = _lookalikes(told)
    values["label_gap_closed"] = _gap_closed(told)
    values["label_gap_closed_reviews"] = _gap_closed(told, by_review=True)
    for key, part in (("blatant", "blatant"), ("blatant_units", "units"), ("precision",) * 2):
        rates = [getattr(one.yardstick, part) for one in told]
        values[f"yardstick_{key}"] = shares([(rate.hits, rate.n) for rate in rates])
    return {key: values[key] for key in BARS if key in values and not isnan(values[key])}


def cells(told: Iterable[Told]) -> dict[tuple[str, str], list[UnitRecall]]:
    """What was found of each typology and severity, city by city."""
    found: dict[tuple[str, str], list[UnitRecall]] = {}
    for one in told:
        for row in one.screening.recalls:
            found.setdefault((row.typology, row.severity), []).append(row)
    return dict(sorted(found.items()))


def _recall(
    told: Sequence[Told],
    wanted: Callable[[UnitRecall], bool] = lambda _: True,
    *,
    count: Callable[[UnitRecall], tuple[int, int]] = lambda row: (row.model, row.n_units),
    further: bool = False,
) -> float:
    """Mean over typologies of the recall pooled over seeds and severities that are wanted.

    A typology and severity of which `count` finds nothing is left out.
    """
    by_typology: dict[str, list[float]] = {}
    for (typology, _), rows in cells(told).items():
        pooled = shares([count(row) for row in rows])
        if wanted(rows[0]) and not isnan(pooled) and (further or typology not in _FURTHER):
            by_typology.setdefault(typology, []).append(pooled)
    return fmean(map(fmean, by_typology.values())) if by_typology else float("nan")


def _is_severity(severity: str, row: UnitRecall) -> bool:
    return row.severity == severity


def _by_scenario(told: Sequence[Told], counts: Callable[[Told], tuple[int, int]]) -> float:
    """Mean over scenarios of a share pooled over seeds."""
    names = sorted({one.scenario for one in told})
    return fmean(shares([counts(one) for one in told if one.scenario == name]) for name in names)


def _finds(arm: UnitArmName) -> Callable[[Told], tuple[int, int]]:
    def counts(one: Told) -> tuple[int, int]:
        found = one.screening.arm(arm)
        return (0, 0) if found is None else (found.finds.hits, found.finds.n)

    return counts


def _lookalikes(told: Sequence[Told]) -> float:
    """Mean over scenarios of how much more often look-alikes are selected than anybody."""
    ratios = []
    for name in sorted({one.scenario for one in told}):
        of = [one.screening.lookalikes for one in told if one.scenario == name]
        known = [one for one in of if one is not None]
        everywhere = shares([(one.everywhere.hits, one.everywhere.n) for one in known])
        if everywhere > 0:
            ratios.append(shares([(o.selected.hits, o.selected.n) for o in known]) / everywhere)
    return fmean(ratios) if ratios else float("nan")


def _gap_closed(told: Sequence[Told], *, by_review: bool = False) -> float:
    """The precision that labels added over what was left to add, both summed over all cities.

    A city whose budget holds seven units has room for two finds or three: the mean of such ratios
    would be that of the city with least room. Scenarios count alike, or as the reviews of each.
    """
    gaps = [one.gap for one in told if one.gap is not None]
    weights = [gap.n_reviews if by_review else 1 for gap in gaps]
    room = sum(w * (gap.best - gap.before) for w, gap in zip(weights, gaps, strict=True))
    added = sum(w * (gap.after - gap.before) for w, gap in zip(weights, gaps, strict=True))
    return added / room if room > 0 else float("nan")


def _fair_draws(asked: argparse.Namespace) -> dict[str, float]:
    """The rotation tests on the fair draws of two simulated rotations, where they are asked for."""
    if "assignments" not in asked.scenarios:
        return {}
    first = asked.seeds[0]
    return {"fair_draw_false_alarm": fair_draw_false_alarm((first, first + 1))}


def _write(values: Mapping[str, float], told: Sequence[Told], sizes: Sizes, seconds: float) -> None:
    content = {
        "figures": {
            key: {"value": values.get(key), "bar": bar.text, "what": bar.what,
                  "met": bar.met(values[key]) if key in values else None}
            for key, bar in BARS.items()
        },
        "setting": {"budget": BUDGET, "share": SHARE, "sizes": asdict(sizes), "seconds": seconds,
                    "seeds": sorted({one.seed for one in told})},
        "detail": [
            {"seed": one.seed, "scenario": one.scenario, "subjects": one.subjects,
             "seconds": one.seconds, "screening": one.screening.model_dump(),
             "served": one.served.model_dump(),
             "gap": None if one.gap is None else one.gap._asdict(),
             "missed_by_rules": one.yardstick.missed}
            for one in told
        ],
    }  # fmt: skip
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(content, indent=2), encoding="utf-8")


def _show_recalls(told: Sequence[Told]) -> None:
    rows = []
    for (typology, severity), found in cells(told).items():
        n = sum(row.n_units for row in found)
        counts = [(sum(getattr(row, name) for row in found)) for name in (*_ARMS, "rule_hits")]
        shown = [f"{count / n:.2f}" for count in counts]
        sees = TYPOLOGIES[typology].fixed_rule
        rows.append((f"{typology} {severity}", sees, str(n), *shown))
    columns = ["kind", "rule sees", "units #", "model #", "rules #", "split #", "any rule #"]
    show.table("share of planted units that is selected", columns, rows)


def _show_yardstick(told: Sequence[Told]) -> None:
    rows = []
    for name in sorted({one.scenario for one in told}):
        of = [one for one in told if one.scenario == name]
        blatant = shares([(one.yardstick.blatant.hits, one.yardstick.blatant.n) for one in of])
        precision = shares(
            [(one.yardstick.precision.hits, one.yardstick.precision.n) for one in of]
        )
        planted = shares([(sum(r.n_units for r in one.screening.recalls), one.screening.n_units)
                          for one in of])  # fmt: skip
        missed = sorted({code for one in of for code in one.yardstick.missed})
        rows.append((name, str(of[0].screening.n_units), f"{planted:.2%}", f"{blatant:.2f}",
                     f"{precision:.1%}", " ".join(missed)))  # fmt: skip
    columns = ["scenario", "units #", "planted #", "blatant hit #", "precision #", "not hit"]
    show.table("the fixed rules as a yardstick", columns, rows)


def _show_figures(values: Mapping[str, float], sizes: Sizes, n_seeds: int) -> None:
    met = {True: "yes", False: "no", None: ""}
    rows = [
        (key, f"{values[key]:.3f}", bar.text, met[bar.met(values[key])], bar.what)
        if key in values
        else (key, "missing", bar.text, "", bar.what)
        for key, bar in BARS.items()
    ]
    title = f"scenarios: {n_seeds} cities of {sizes.payouts:,} payouts, {sizes.projects:,} projects"
    show.table(title, ["figure", "value #", "bar #", "met", "what"], rows)


if __name__ == "__main__":
    main()
