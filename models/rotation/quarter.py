"""All pairs of officer and agency that met in a quarter, each with the answers of every test.

A pair's year is the year up to the quarter's end. Tests that concern an owner are asked of each
owner of the pair's draws in the quarter; the least p counts, times the number of owners who could
have met the agency in the officer's draws.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal
from zlib import crc32

import numpy as np

from features.contracts.vectors import Integers, Vector
from models.rotation.answer import Answer, insufficient
from models.rotation.draws import UNKNOWN, Draws, Reviews
from models.rotation.pair_excess import Mask, pair_excess, rotation_excess
from models.rotation.redraw import redraw
from models.rotation.skip_depth import skip_depth
from models.rotation.timing import WITHIN_S, head_share, timing
from models.rotation.value_bias import extremeness, value_bias

TESTS: Final = (
    "pair",
    "skips",
    "value",
    "timing",
    "redraw",
    "triad",
    "leniency",
    "speed",
    "review",
)
"""What is asked of every pair."""
DrawnBy = Literal["rotation", "lot"]
"""How a fair draw is made: the head of the queue, or one of all who are eligible."""
PRIOR_RATE: Final = 0.02
_PRIOR_DRAWS: Final = 50


@dataclass(frozen=True)
class Quarter:
    """One quarter's draws (with the year before its end), its reviews and its office seconds.

    Names enter the seeds of the shuffles, so that one pair's quarter always gives one answer,
    whatever else is known. `officers` and `agencies` are the names that codes stand for.
    """

    name: str
    officers: Sequence[str]
    agencies: Sequence[str]
    draws: Draws
    reviews: Reviews
    span_s: int
    drawn_by: DrawnBy = "rotation"


@dataclass(frozen=True)
class PairQuarter:
    """One pair's quarter: who, how often, for what fees, and the answer of each of `TESTS`.

    `owner` is the one with most of the pair's draws; `family` is how many agencies the officer
    could have met, among which many tests count as one family.
    """

    officer: int
    agency: int
    owner: int
    specialty: int
    n: int
    family: int
    fee: int
    answers: Mapping[str, Answer]


def pair_quarters(quarter: Quarter) -> Iterator[PairQuarter]:
    """The pairs that met in the quarter, by officer and agency."""
    now = quarter.draws.where(quarter.draws.in_quarter)
    known = (now.officer != UNKNOWN) & (now.agency != UNKNOWN)
    pairs = np.unique(np.column_stack([now.officer, now.agency])[known], axis=0)
    for officer, agency in pairs.tolist():
        asked = _Asked.of(quarter, now, officer, agency)
        yield PairQuarter(
            officer=officer,
            agency=agency,
            owner=_most(asked.owners),
            specialty=_most(now.specialty[asked.met]),
            n=int(asked.met.sum()),
            fee=int(np.maximum(now.fee[asked.met], 0).sum()),
            family=asked.family,
            answers={name: _ASK[name](asked) for name in TESTS},
        )


def every_pair(quarter: Quarter) -> list[tuple[int, int]]:
    """Officers of the quarter with all agencies that they could have met, whether they did or not.

    What could have been met was drawn by somebody in one of the officer's specialties.
    """
    now = quarter.draws.where(quarter.draws.in_quarter & (quarter.draws.agency != UNKNOWN))
    pairs = list[tuple[int, int]]()
    for officer in np.unique(now.officer[now.officer != UNKNOWN]).tolist():
        among = np.isin(now.specialty, now.specialty[now.officer == officer])
        pairs += [(officer, agency) for agency in np.unique(now.agency[among]).tolist()]
    return pairs


def answer_of(quarter: Quarter, test: str, officer: int, agency: int) -> Answer:
    """The answer of one of `TESTS` for a pair that need not have met."""
    now = quarter.draws.where(quarter.draws.in_quarter)
    return _ASK[test](_Asked.of(quarter, now, officer, agency))


@dataclass(frozen=True)
class _Asked:
    """A pair, and the draws it is asked among: those of its specialties."""

    quarter: Quarter
    now: Draws
    officer: int
    agency: int
    mine: Mask
    """The officer's draws of the quarter."""
    met: Mask
    """Those that fell on the agency."""

    @classmethod
    def of(cls, quarter: Quarter, now: Draws, officer: int, agency: int) -> "_Asked":
        mine = now.officer == officer
        return cls(quarter, now, officer, agency, mine, mine & (now.agency == agency))

    @property
    def owners(self) -> Integers:
        return self.now.owner[self.met]

    @property
    def family(self) -> int:
        """Agencies that were drawn within the year in the officer's specialties."""
        year = self.quarter.draws
        among = np.isin(year.specialty, self.now.specialty[self.mine]) & (year.agency != UNKNOWN)
        return len(np.unique(year.agency[among]))

    @property
    def specialties(self) -> Integers:
        """Specialties in which the agency was drawn within the year, by whomever."""
        year = self.quarter.draws
        return np.unique(year.specialty[year.agency == self.agency])

    def seed(self, test: str) -> int:
        """The seed of a test's shuffles."""
        of = self.quarter
        return seed_of(of.name, of.officers[self.officer], of.agencies[self.agency], test)


def seed_of(*names: str) -> int:
    """The seed that names give.

    >>> seed_of("2025Q1", "O-Li", "concentration")
    199786371
    """
    return crc32("/".join(names).encode())


def _most(codes: Integers) -> int:
    """The commonest code, the smallest of several."""
    values, counts = np.unique(codes, return_counts=True)
    return int(values[np.argmax(counts)])


def _said(answer: Answer, zh: str, en: str) -> Answer:
    """The answer in words of its own, where there is one."""
    return answer if answer.p is None else replace(answer, zh=zh, en=en)


def _pair(asked: _Asked) -> Answer:
    now = asked.now
    if asked.quarter.drawn_by == "rotation":
        return rotation_excess(now.agency == asked.agency, asked.mine, now.specialty)
    mine = asked.mine & (now.eligible > 0)
    may_come = np.isin(now.specialty[mine], asked.specialties)
    return pair_excess(asked.met[mine], np.where(may_come, 1.0 / now.eligible[mine], 0.0))


def _skips(asked: _Asked) -> Answer:
    """Skips of the officer that ended at the agency, each agency as likely as another."""
    now, mine = asked.now, asked.mine & (asked.now.depth != UNKNOWN)
    depth = np.where(asked.met, now.depth, 0)[mine]
    expected = now.skip_p[mine] / max(asked.family, 1)
    n, skipped = len(depth), int((depth > 0).sum())
    return _said(
        skip_depth(depth, expected),
        f"{n}次抽取中{skipped}次越过队首后由该单位承接(预期{expected.sum():.1f}次)",
        f"in {skipped} of {n} draws the head was passed over and this agency followed "
        f"({expected.sum():.1f} expected)",
    )


def _value(asked: _Asked) -> Answer:
    now = asked.now
    log_fee = np.log(np.where(now.fee > 0, now.fee, np.nan))
    answer = value_bias(log_fee, asked.met, now.specialty, seed=asked.seed("value"))
    times = float(np.exp(answer.statistic or 0.0))
    return _said(
        answer,
        f"{answer.n}件的评审费平均为同专业同期的{times:.1f}倍",
        f"fees of {answer.n} cases are {times:.1f} times those of the specialty and quarter",
    )


def _timing(asked: _Asked) -> Answer:
    now, share = asked.now, asked.quarter.span_s
    fair = (now.depth <= 0) & (now.head_s != UNKNOWN)
    at_head = fair & (now.agency == asked.agency)
    share_within = head_share(now.head_s[at_head], now.drawn_s[at_head], share)
    lag = now.submitted_s - now.head_s
    within = at_head & (lag >= 0) & (lag <= WITHIN_S)
    specialties = np.unique(now.specialty[asked.met])
    among = np.isin(now.specialty, specialties) & (now.submitted_s != UNKNOWN)

    def of(owner: int) -> Answer:
        mine = among & (now.owner == owner)
        return timing(int(mine.sum()), int((mine & within).sum()), share_within)

    return _least(of, asked)


def _redraw(asked: _Asked) -> Answer:
    year = asked.quarter.draws
    thrown = asked.now.thrown[asked.met]
    others = ~(year.in_quarter & (year.agency == asked.agency) & (year.officer == asked.officer))
    changed = float((year.thrown[others] > 0).sum())
    rate = (changed + PRIOR_RATE * _PRIOR_DRAWS) / (float(others.sum()) + _PRIOR_DRAWS)
    return redraw(len(thrown) + int(thrown.sum()), int(thrown.sum()), rate)


def _triad(asked: _Asked) -> Answer:
    year = asked.quarter.draws

    def of(owner: int) -> Answer:
        by = (year.owner == owner) & (year.officer == asked.officer)
        return rotation_excess(year.agency == asked.agency, by, year.specialty)

    return _least(of, asked)


def _least(ask: Callable[[int], Answer], asked: _Asked) -> Answer:
    """The answer of the pair's owner with the least p.

    It counts as often as the officer drew for owners with enough draws: those who met the agency
    are picked by the draw itself, and count among all who could have.
    """
    known = np.unique(asked.now.owner[asked.mine & (asked.now.owner != UNKNOWN)]).tolist()
    answers = {owner: answer for owner in known if (answer := ask(owner)).p is not None}
    met = [answer for owner, answer in answers.items() if owner in asked.owners]
    if not met:
        zh, en = "各项目单位的抽取均过少", "no owner has enough draws"
        return insufficient(len(asked.owners), zh=zh, en=en)
    first = min(met, key=lambda answer: answer.p or 0.0)
    return replace(first, p=min(1.0, (first.p or 0.0) * len(answers)))


def _leniency(asked: _Asked) -> Answer:
    answer = _reviewed(asked, asked.quarter.reviews.reduction, "leniency")
    points = 100.0 * (answer.statistic or 0.0)
    return _said(
        answer,
        f"{answer.n}项评审的核减率与同专业同期平均相差{points:+.1f}个百分点",
        f"reductions of {answer.n} reviews differ by {points:+.1f} points from the specialty's",
    )


def _speed(asked: _Asked) -> Answer:
    answer = _reviewed(asked, asked.quarter.reviews.log_days, "speed")
    share = float(np.exp(answer.statistic or 0.0))
    return _said(
        answer,
        f"{answer.n}项评审的用时为同专业同期平均的{share:.0%}",
        f"{answer.n} reviews took {share:.0%} of the specialty's usual time",
    )


def _review(asked: _Asked) -> Answer:
    """Mild and fast at once: the scores of both, added."""
    done = asked.quarter.reviews
    mild = extremeness(done.reduction, done.specialty, tail="low")
    fast = extremeness(done.log_days, done.specialty, tail="low")
    of_pair = (done.officer == asked.officer) & (done.agency == asked.agency)
    answer = value_bias(mild + fast, of_pair, done.specialty, seed=asked.seed("review"))
    return _said(
        answer,
        f"{answer.n}项评审核减少且用时短的程度居同专业同期前列",
        f"{answer.n} reviews cut little in little time, beside others of the specialty",
    )


def _reviewed(asked: _Asked, value: Vector, test: str) -> Answer:
    done = asked.quarter.reviews
    of_pair = (done.officer == asked.officer) & (done.agency == asked.agency)
    seed = asked.seed(test)
    return value_bias(value, of_pair, done.specialty, seed=seed, tail="low", by="ranks")


_ASK: Final[Mapping[str, Callable[[_Asked], Answer]]] = {
    "pair": _pair,
    "skips": _skips,
    "value": _value,
    "timing": _timing,
    "redraw": _redraw,
    "triad": _triad,
    "leniency": _leniency,
    "speed": _speed,
    "review": _review,
}
