"""From contributions to reasons: what a reviewer can check, in two languages.

A reason compares a value with that of its peers and says no more: unusual is not wrong.
"""

import math
from collections.abc import Callable

import numpy as np

from features.contracts.errors import IncompatibleBundleError
from features.contracts.vectors import Cell, FeatureInfo, FeatureVector
from features.contracts.verdicts import FamilyPart, Reason, Status, Story
from models.bundle import Bundle
from models.phrase import MINOR, Comparison, Sense, sentence_en, sentence_zh
from models.typical import Typical


def reasons(
    bundle: Bundle, vector: FeatureVector, *, top: int = 5, currency: str | None = None
) -> tuple[Reason, ...]:
    """The features that add most to the event's score, strongest first.

    Only what is known (status ok) and adds to the score is a reason; `share` is of all positive
    contributions, reasons or not. Money is shown in `currency`, by default the bundle's.
    """
    parts = bundle.explain_row(_checked(bundle, vector).values)[1]
    whole = float(parts[parts > 0.0].sum())
    strongest = [
        int(j)
        for j in np.argsort(-parts, kind="stable")
        if parts[j] > 0.0 and vector.cells[j].status is Status.OK
    ]
    return tuple(
        _reason(
            bundle.manifest.features[j],
            compare(bundle.typical, vector, j),
            contribution=float(parts[j]),
            share=min(1.0, float(parts[j]) / whole),
            currency=currency or bundle.manifest.currency,
        )
        for j in strongest[:top]
    )


def story(bundle: Bundle, vector: FeatureVector) -> Story | None:
    """The declared pattern by which the event differs most, where one does."""
    pattern = bundle.pattern_of(_checked(bundle, vector).values)
    if pattern is None:
        return None
    return Story(name=pattern.name, title_zh=pattern.title_zh, title_en=pattern.title_en)


def family_of(info: FeatureInfo) -> str:
    """The family of a feature; one of no family is its own."""
    return info.family or info.name


def by_family(
    bundle: Bundle, vector: FeatureVector, family: Callable[[FeatureInfo], str] = family_of
) -> tuple[FamilyPart, ...]:
    """What each family of features added to the event's score, most first.

    Every feature counts, also a filled one and one that takes from the score, so that the base and
    the families add up to the score as the features do.
    """
    parts = bundle.explain_row(_checked(bundle, vector).values)[1].tolist()
    members_of: dict[str, list[float]] = {}
    for info, part in zip(bundle.manifest.features, parts, strict=True):
        members_of.setdefault(family(info), []).append(part)
    sums = {name: math.fsum(members) for name, members in members_of.items()}
    whole = math.fsum(part for part in sums.values() if part > 0.0)
    return tuple(
        FamilyPart(
            family=name,
            contribution=part,
            share=min(1.0, part / whole) if part > 0.0 else 0.0,
        )
        for name, part in sorted(sums.items(), key=lambda pair: (-pair[1], pair[0]))
    )


def sense_of(reason: Reason) -> Sense:
    """In what sense a reason's value is unusual."""
    return Comparison(reason.actual, reason.typical, reason.lo, reason.hi, reason.peers).sense


def _checked(bundle: Bundle, vector: FeatureVector) -> FeatureVector:
    """The vector, if it is of the features that the bundle was trained for."""
    if vector.names != bundle.names:
        raise IncompatibleBundleError(
            f"the vector's features (spec {vector.spec_hash[:12]}) are not the bundle's "
            f"(spec {bundle.manifest.spec_hash[:12]}); score with a bundle of the same spec"
        )
    return vector


def compare(typical: Typical, vector: FeatureVector, feature: int) -> Comparison:
    """The cell's own comparison where it has one, else the bundle's ordinary values."""
    cell = vector.cells[feature]
    if cell.actual is not None:
        return Comparison(cell.actual, cell.typical, cell.lo, cell.hi, cell.peers)
    ordinary = typical.lookup(vector.peer_group, feature)
    actual = _known(cell)
    if ordinary is None:
        return Comparison(actual, None, None, None, None)
    return Comparison(actual, ordinary.middle, ordinary.lo, ordinary.hi, ordinary.peers)


def _known(cell: Cell) -> float | None:
    """The cell's value, None where it is missing."""
    return None if math.isnan(cell.value) else cell.value


def _reason(
    info: FeatureInfo, compared: Comparison, *, contribution: float, share: float, currency: str
) -> Reason:
    """One reason, in the unit that is shown."""
    is_money = info.unit == "money"
    shown = compared.scaled(MINOR) if is_money else compared
    return Reason(
        feature=info.name,
        name_zh=info.title_zh,
        name_en=info.title_en,
        unit=currency if is_money else info.unit,
        actual=shown.actual,
        typical=shown.typical,
        lo=shown.lo,
        hi=shown.hi,
        direction=shown.direction,
        status=Status.OK,
        contribution=contribution,
        share=share,
        peers=shown.peers,
        window_days=info.window_days,
        statement_zh=sentence_zh(info, shown, currency),
        statement_en=sentence_en(info, shown, currency),
        false_alarm_zh=info.false_alarm_zh,
        false_alarm_en=info.false_alarm_en,
    )
