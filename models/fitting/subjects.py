"""What the conformance checks are run on: detectors, ensembles, what labels made, PyOD's."""

from collections.abc import Sequence

import numpy as np

from features.contracts.vectors import Matrix, PatternInfo
from models.arrays import Array, Arrays, prefixed, section
from models.checks import Subject, column_names
from models.ensemble import Ensemble
from models.fitting.ensemble import DEFAULT, FITTERS, fit_ensemble
from models.fitting.from_pyod import fit_pyod
from models.fitting.labelled import BOOSTED_FROM, Explained, Findings, fit_labelled
from models.labelled import Labelled
from models.registry import DETECTORS


def detector_subject(name: str) -> Subject:
    """The registered detector of this name, saved as its arrays."""
    return Subject(name, lambda x, seed: FITTERS[name](x, seed=seed), DETECTORS[name].from_arrays)


def ensemble_subject(detectors: Sequence[str] = (), *, name: str = "ensemble") -> Subject:
    """An ensemble of the named detectors, of the default ones by default."""
    chosen, names = tuple(detectors or DEFAULT), column_names()

    def load(arrays: Arrays) -> Ensemble:
        return Ensemble.from_arrays(arrays, feature_names=names, detectors=chosen)

    return Subject(
        name,
        lambda x, seed: fit_ensemble(x, names, seed=seed, detectors=chosen),
        load,
        is_whole=True,
    )


def panel_subject() -> Subject:
    """The default ensemble beside two declared patterns."""
    names, patterns = column_names(), _patterns()

    def load(arrays: Arrays) -> Ensemble:
        return Ensemble.from_arrays(
            arrays, feature_names=names, detectors=DEFAULT, n_patterns=len(patterns)
        )

    return Subject(
        "panel",
        lambda x, seed: fit_ensemble(x, names, seed=seed, patterns=patterns),
        load,
        is_whole=True,
    )


def _patterns() -> tuple[PatternInfo, ...]:
    """Two stories about the columns under check: one of high values, one of both sides."""
    first, second, third, *_ = column_names()
    stories = {"upper": ((first, "high"), (third, "high")), "apart": ((second, "both"),)}
    return tuple(
        PatternInfo.model_validate(
            {
                "name": name,
                "title_zh": name,
                "title_en": name,
                "parts": [{"feature": feature, "side": side} for feature, side in parts],
            }
        )
        for name, parts in stories.items()
    )


class _WithEnsemble(Labelled):
    """What labels made, saved together with the ensemble it weighs."""

    def arrays(self) -> dict[str, Array]:
        """Of both."""
        own = prefixed(Labelled.arrays(self), "labelled")
        return {**prefixed(self.ensemble.arrays(), "ensemble"), **own}


def labelled_subject() -> Subject:
    """The default ensemble after reviews that confirm the more unusual half of what was reviewed.

    Enough are confirmed for boosting to have a say. Reviews may also teach that a column means
    nothing, which no check could tell from a fault; these do not.
    """
    names = column_names()

    def fit(x: Matrix, seed: int) -> Labelled:
        ensemble = fit_ensemble(x, names, seed=seed)
        reviewed = np.argsort(-ensemble.score(x), kind="stable")[: 2 * BOOSTED_FROM]
        confirmed = (np.arange(reviewed.size) < BOOSTED_FROM).astype(np.float64)
        found = Findings(Explained.of(ensemble, x[reviewed]), confirmed, np.ones(reviewed.size))
        of = fit_labelled(ensemble, found, Explained.of(ensemble, x), seed=seed)
        return _WithEnsemble(ensemble, of.offset, of.weights, of.usual, of.boosted, of.mix)

    def load(arrays: Arrays) -> Labelled:
        ensemble = Ensemble.from_arrays(
            section(arrays, "ensemble"), feature_names=names, detectors=DEFAULT
        )
        return Labelled.from_arrays(section(arrays, "labelled"), ensemble=ensemble)

    return Subject("labelled", fit, load, is_whole=True)


def pyod_subject(class_name: str) -> Subject:
    """A PyOD detector, which has no data-only form."""
    return Subject(class_name, lambda x, seed: fit_pyod(class_name, x, seed=seed))
