"""What can be compared, by name: the default ensemble, one of a registered detector, or PyOD's."""

from collections.abc import Callable, Sequence
from multiprocessing.reduction import ForkingPickler
from typing import Final

from features.contracts.errors import InputError
from features.contracts.vectors import Matrix
from models.archive import pack
from models.checks import Saved, Scorer, Subject
from models.fitting.ensemble import FITTERS, fit_ensemble
from models.fitting.from_pyod import fit_pyod
from models.fitting.pyod_catalog import catalogue
from models.fitting.subjects import detector_subject, ensemble_subject, pyod_subject

DEFAULT: Final = "default"
ALL: Final = "all"

Fit = Callable[[Matrix, Sequence[str], int], Scorer]


def contestants() -> dict[str, str]:
    """Every name that can be compared, with the reason where it cannot be here.

    >>> contestants()["default"], contestants()["KNN"], contestants()["VAE"]
    ('', '', 'needs torch, not installed')
    """
    own = dict.fromkeys((DEFAULT, *FITTERS), "")
    return own | {entry.name: entry.reason for entry in catalogue().values()}


def chosen(names: str) -> list[str]:
    """The names of a list with commas; `all` stands for every one there is.

    Raises
    ------
    InputError
        A name is not known.

    >>> chosen("default, IForest,default")
    ['default', 'IForest']
    """
    known = contestants()
    asked = [name.strip() for name in names.split(",") if name.strip()]
    for name in asked:
        if name != ALL and name not in known:
            near = ", ".join(known)
            raise InputError(f"no detector {name!r} to compare; there are {ALL} and {near}")
    return list(
        dict.fromkeys(each for name in asked for each in (known if name == ALL else [name]))
    )


def fitter(name: str) -> Fit:
    """How the contestant of this name is fitted: `(rows, column names, seed)`."""
    if name == DEFAULT:
        return lambda x, names, seed: fit_ensemble(x, names, seed=seed)
    if name in FITTERS:
        return lambda x, names, seed: fit_ensemble(x, names, seed=seed, detectors=(name,))
    return lambda x, _, seed: fit_pyod(name, x, seed=seed)


def subject(name: str) -> Subject:
    """What the conformance checks are run on for this name, as it would serve."""
    if name == DEFAULT:
        return ensemble_subject(name=DEFAULT)
    return ensemble_subject((name,), name=name) if name in FITTERS else pyod_subject(name)


def named_subjects(name: str) -> list[Subject]:
    """All that the checks can be run on for this name: a registered detector by itself, too.

    Raises
    ------
    InputError
        The name is not known, or a library is missing.
    """
    reason = contestants().get(name, "no such detector")
    if reason:
        raise InputError(f"{name}: {reason}; take another, or name FILE.py:OBJECT")
    return [*([detector_subject(name)] if name in FITTERS else []), subject(name)]


def size_bytes(fitted: Scorer) -> int:
    """Bytes of the arrays, or of what another process would be handed where there are none."""
    if isinstance(fitted, Saved):
        return len(pack(fitted.arrays()))
    return len(ForkingPickler.dumps(fitted))
