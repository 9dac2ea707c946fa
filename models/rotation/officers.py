"""An officer's quarter: what is asked of all its draws together, whatever agency they fell on."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.rotation.answer import Answer
from models.rotation.concentration import concentration
from models.rotation.destination import destination
from models.rotation.draws import UNKNOWN
from models.rotation.quarter import Quarter, seed_of
from models.rotation.skip_depth import skip_depth


@dataclass(frozen=True)
class OfficerQuarter:
    """One officer's quarter: who, how often, and the answer of each of `TESTS_OF_OFFICERS`."""

    officer: int
    n: int
    answers: Mapping[str, Answer]


def officer_quarters(quarter: Quarter) -> Iterator[OfficerQuarter]:
    """The officers who drew in the quarter, by number."""
    draws = quarter.draws
    drew = draws.officer[draws.in_quarter & (draws.officer != UNKNOWN)]
    for officer in np.unique(drew).tolist():
        answers = {test: answer_of_officer(quarter, test, officer) for test in TESTS_OF_OFFICERS}
        yield OfficerQuarter(officer, int((drew == officer).sum()), answers)


def answer_of_officer(quarter: Quarter, test: str, officer: int) -> Answer:
    """The answer of one of `TESTS_OF_OFFICERS` for an officer."""
    return _ASK[test](quarter, officer)


def _skip_depth(quarter: Quarter, officer: int) -> Answer:
    """Draws of the quarter that passed over the head, among those that state a position."""
    draws = quarter.draws
    mine = draws.in_quarter & (draws.officer == officer) & (draws.depth != UNKNOWN)
    return skip_depth(draws.depth[mine], draws.skip_p[mine])


def _concentration(quarter: Quarter, officer: int) -> Answer:
    """Draws of the quarter, each counting as one."""
    now = quarter.draws.where(quarter.draws.in_quarter & (quarter.draws.agency != UNKNOWN))
    seed = seed_of(quarter.name, quarter.officers[officer], "concentration")
    mine = now.officer == officer
    return concentration(now.agency, np.ones(len(now)), mine, now.specialty, seed=seed)


def _destination(quarter: Quarter, officer: int) -> Answer:
    """Where the skips of a year ended, among the agencies drawn in the specialty by anybody."""
    year = quarter.draws.where(quarter.draws.agency != UNKNOWN)
    swaps = year.where((year.officer == officer) & (year.depth > 0))
    n_agencies = [len(np.unique(year.agency[year.specialty == each])) for each in swaps.specialty]
    return destination(swaps.agency, swaps.specialty, np.array(n_agencies, dtype=np.int64))


_ASK: Final[Mapping[str, Callable[[Quarter, int], Answer]]] = {
    "skip_depth": _skip_depth,
    "concentration": _concentration,
    "destination": _destination,
}
TESTS_OF_OFFICERS: Final = tuple(_ASK)
"""What is asked of every officer's quarter."""
