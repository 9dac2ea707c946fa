"""What a test of a draw answers: statistic, p, on how many draws, and a sentence in two languages.

A small p says that a fair draw seldom looks like this; it never says why.
"""

from dataclasses import dataclass
from typing import Final, Literal

from features.contracts.errors import InputError

MOST: Final = 1_000_000
"""Where "once in so many" ends: what is rarer is not told apart."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of one test.

    `statistic` and `p` are None where the status is `insufficient`; the sentences then say what
    is wanting. `p` is one-sided, a mid-p where the statistic is a count.
    """

    statistic: float | None
    p: float | None
    n: int
    status: Literal["ok", "insufficient"]
    zh: str
    en: str

    @property
    def once_in(self) -> int | None:
        """How many fair draws of this kind it takes to see this once, at most a million.

        >>> found(2.0, 0.004, 18, zh="多 2 次", en="2 more").once_in
        250
        """
        return None if self.p is None else min(MOST, int(1.0 / max(self.p, 1.0 / MOST)))


def found(statistic: float, p: float, n: int, *, zh: str, en: str) -> Answer:
    """An answer on enough draws."""
    return Answer(statistic, min(max(p, 0.0), 1.0), n, "ok", zh, en)


def insufficient(n: int, *, zh: str, en: str) -> Answer:
    """No answer, and why.

    >>> insufficient(1, zh="仅 1 次", en="1 draw only").status
    'insufficient'
    """
    return Answer(None, None, n, "insufficient", zh, en)


def too_few(n: int, least: int) -> Answer:
    """No answer, since there are fewer than `least` draws."""
    zh = f"仅{n}次抽取,少于{least}次,不作判断"
    return insufficient(n, zh=zh, en=f"{n} draws are fewer than {least}; nothing is concluded")


def check_alike(**columns: int) -> None:
    """Refuse columns of different lengths.

    >>> check_alike(depth=3, p=2)
    Traceback (most recent call last):
    features.contracts.errors.InputError: columns differ in length: depth 3, p 2; give one row a
    draw
    """
    if len(set(columns.values())) > 1:
        told = ", ".join(f"{name} {n}" for name, n in columns.items())
        raise InputError(f"columns differ in length: {told}; give one row a draw")
