"""Which column is what: the id, the time, the amount, keys, categories; each guess with its why.

A role that every event must have and that no column clearly has is refused, with the option that
names it.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from features.contracts.errors import InputError
from features.draft.profile import Profile
from features.sources.rows import normal_header

Role = Literal["id", "time", "amount", "key", "category", "number", "instant", "ignored"]

FEW: Final = 50
"""Values up to which a column sorts rows into groups; above, it names whom history is kept for."""
ROWS_EACH: Final = 2.0
"""Rows a value that a key needs on average; with fewer there is no history to look at."""
PEERS: Final = 30
"""Rows a value that a peer group needs on average."""

_PERSONAL: Final = re.compile(
    r"name|phone|mobile|e-?mail|address|birth|passport|iban|account|person"
    r"|姓名|名称|电话|手机|邮箱|地址|住址|身份证|账号|账户|联系|法人|生日"
)
_ID: Final = re.compile(r"\bid$|\bno\.?$|number|code$|ref|key|编号|号码|单号|流水|序号|代码")
_TIME: Final = re.compile(
    r"paid|pay|date|time|at$|when|happened|effective|日期|时间|拨付|支付|办理"
)
_AMOUNT: Final = re.compile(r"amount|value|sum|price|cost|paid|total|net|金额|总额|价|费|款")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the operator said: headers of columns, blank where it is to be guessed."""

    id: str = ""
    time: str = ""
    amount: str = ""
    subject: str = ""
    peers: str = ""


@dataclass(frozen=True, slots=True)
class Guess:
    """A column, what it is taken for, under which field name, and why."""

    column: Profile
    role: Role
    why: str
    name: str = ""
    personal: bool = False


@dataclass(frozen=True, slots=True)
class Roles:
    """The guesses of a table: one a column, and who is the subject, who its peers."""

    guesses: tuple[Guess, ...]
    subject: Guess
    peers: Guess
    n_rows: int

    def of(self, *roles: Role) -> tuple[Guess, ...]:
        """The guesses of some roles, in the order of the table."""
        return tuple(guess for guess in self.guesses if guess.role in roles)

    def one(self, role: Role) -> Guess:
        """The one guess of a role that every event has once."""
        return self.of(role)[0]


def guess(columns: Sequence[Profile], asked: Asked) -> Roles:
    """Guess the roles of the columns.

    Raises
    ------
    InputError
        A role that must be filled has no clear column; the message names the candidates and the
        option.
    """
    chosen = {
        "id": _pick("id", columns, asked.id, _is_id, _ID),
        "time": _pick("time", columns, asked.time, lambda one: bool(one.formats), _TIME),
    }
    rest = [one for one in columns if one not in [found.column for found in chosen.values()]]
    chosen["amount"] = _pick("amount", rest, asked.amount, _is_amount, _AMOUNT)
    taken = {found.column.header: found for found in chosen.values()}
    wanted = (asked.subject, asked.peers)
    found = (taken.get(one.header) or _other(one, wanted) for one in columns)
    guesses = tuple(_named(found))
    subject = _subject(guesses, asked.subject)
    peers = _peers([one for one in guesses if one is not subject], asked.peers)
    return Roles(guesses, subject, peers, columns[0].n_rows)


def _pick(
    role: Literal["id", "time", "amount"],
    columns: Sequence[Profile],
    asked: str,
    may_be: Callable[[Profile], bool],
    words: re.Pattern[str],
) -> Guess:
    """The column of a role: the one that was named, the only one that may be it, or by its name."""
    if asked:
        return Guess(_column(columns, asked, role), role, "named by you")
    able = [one for one in columns if may_be(one)]
    if len(able) == 1:
        return Guess(able[0], role, f"the only column that can be the {role}")
    called = [one for one in able if words.search(one.header.casefold().replace("_", " "))]
    if len(called) == 1:
        why = f"of {len(able)} columns that can be the {role}, the one whose header says so"
        return Guess(called[0], role, why)
    several = called or able
    found = f"{len(several)} may be: {_headers(several)}" if several else "no column looks like it"
    raise InputError(f"the {role} cannot be told, {found}; name the column with --{role}")


def _column(columns: Iterable[Profile], header: str, option: str) -> Profile:
    columns = list(columns)
    for one in columns:
        if normal_header(one.header) == normal_header(header):
            return one
    raise InputError(f"--{option}: no column {header!r} left; there are {_headers(columns)}")


def _headers(columns: Iterable[Profile]) -> str:
    return ", ".join(repr(one.header) for one in columns)


def _is_id(one: Profile) -> bool:
    is_whole = one.decimals in (None, 0)
    return one.is_unique and is_whole and not one.formats and not _is_personal(one)


def _is_amount(one: Profile) -> bool:
    words = one.header.casefold().replace("_", " ")
    return one.decimals is not None and not (_ID.search(words) and not _AMOUNT.search(words))


def _is_personal(one: Profile) -> bool:
    return bool(_PERSONAL.search(one.header.casefold()))


def _other(one: Profile, wanted: Sequence[str]) -> Guess:  # noqa: PLR0911  (one answer a rule)
    """What a column is that is neither id nor time nor amount."""
    counted = f"{one.n_distinct:,} values in {one.n_rows:,} rows"
    if normal_header(one.header) in [normal_header(header) for header in wanted if header]:
        return Guess(one, "key", f"named by you; {counted}")
    if _is_personal(one):
        why = "its header sounds personal; names, numbers and addresses of persons stay out"
        return Guess(one, "ignored", why, personal=True)
    if one.n_distinct <= 1:
        return Guess(one, "ignored", "the same in every row, or blank")
    if one.formats:
        return Guess(one, "instant", "most cells are dates")
    if one.decimals is not None and not _ID.search(one.header.casefold().replace("_", " ")):
        return Guess(one, "number", "most cells are numbers, and the header names no code")
    if one.n_distinct <= FEW:
        return Guess(one, "category", f"few values ({counted}): groups that compare like with like")
    if one.rows_each >= ROWS_EACH:
        return Guess(one, "key", f"many values that come again ({counted}): history can be kept")
    return Guess(one, "ignored", f"nearly every row has its own ({counted}): no history, no group")


def _named(guesses: Iterable[Guess]) -> Iterator[Guess]:
    """The guesses with the names of their fields, each once."""
    seen: set[str] = set()
    for place, one in enumerate(guesses, 1):
        name = "amount_minor" if one.role == "amount" else _slug(one.column.header, place)
        while name in seen or name in ("kind", "off_day", "hour"):
            name += "_2"
        seen.add(name)
        yield Guess(one.column, one.role, one.why, name, one.personal)


def _slug(header: str, place: int) -> str:
    """A header as the name of a field; its place where it has no Latin letters.

    >>> _slug("Supplier ID", 9), _slug("企业名称", 3)
    ('supplier_id', 'column_3')
    """
    words = re.findall(r"[a-z0-9]+", header.casefold())
    name = "_".join(words)[:48]
    return name if name[:1].isalpha() else f"column_{place}"


def _subject(guesses: Sequence[Guess], asked: str) -> Guess:
    keys = [one for one in guesses if one.role == "key"]
    if asked:
        return _of([one for one in guesses if one.role in ("key", "category")], asked, "subject")
    if not keys:
        message = (
            f"no column has more than {FEW} values that come again, so whom history is kept for "
            "cannot be told; name the column with --subject"
        )
        raise InputError(message)
    return max(keys, key=lambda one: one.column.n_distinct)


def _peers(guesses: Sequence[Guess], asked: str) -> Guess:
    groups = [one for one in guesses if one.role in ("key", "category")]
    if asked:
        return _of(groups, asked, "peers")
    able = [one for one in groups if one.column.rows_each >= PEERS]
    if not able:
        message = (
            f"no column sorts the rows into groups of {PEERS} or more on average, so what is "
            "compared with what cannot be told; name the column with --peers"
        )
        raise InputError(message)
    return max(able, key=lambda one: one.column.n_distinct)


def _of(guesses: Sequence[Guess], header: str, option: str) -> Guess:
    column = _column([one.column for one in guesses], header, option)
    return next(one for one in guesses if one.column is column)
