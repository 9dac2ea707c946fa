"""The Python file of a guessed scenario, with a comment on each guess."""

import json
from collections.abc import Iterator
from typing import Final, NamedTuple

from features.draft.roles import Guess, Roles

_HEAD: Final = '''\
"""{name}: guessed from a table of {n_rows:,} rows; read every line, and correct what is wrong.

Titles of fields are headers of the table: give each a Chinese and an English one. `source` should
say what a feature rests on: a law, a paper, a public indicator.
"""

from features.contracts.events import EventField
from features.spec import (
{imports}
)

# What an event holds. A key is whom history is kept for, a category what like is compared with
# like by; add pseudonym=True to a key that identifies a person: a keyed digest stands for it then.
FIELDS = (
{fields}
)

# Numbers that an event gets once, from itself.
MEASURES = (
{measures}
)

FEATURES = (
{features}
)

SCENARIO = Scenario(
    name="{name}",
    zh="{name}",
    en="{name}",
    kinds=("{name}_recorded",),
    scored=("{name}_recorded",),
    history=("{name}_recorded",),
    # {subject_why}
    subject="{subject}",
    amount="amount_minor",
    # {peers_why}
    peer_group="{peers}",
    fields=FIELDS,
    measures=MEASURES,
    features=FEATURES,
)
'''
_KINDS: Final = {"amount": "money"}


def scenario_text(roles: Roles, name: str) -> str:
    """The scenario file; it holds headers of the table and counts, no value."""
    measures = list(_measures(roles))
    features = list(_features(roles))
    imports = {"Feature", "Measure", "Scenario"}
    imports |= {one.of.partition("(")[0] for one in features}
    return _HEAD.format(
        name=name,
        n_rows=roles.n_rows,
        imports="\n".join(f"    {one}," for one in sorted(imports)),
        fields="\n".join(_field(one) for one in _carried(roles)),
        measures="\n".join(f"    {one}," for one in measures),
        features="\n".join(_feature(one) for one in features),
        subject=roles.subject.name,
        subject_why=f"the key with the most values: {roles.subject.why}",
        peers=roles.peers.name,
        peers_why=f"the finest groups of 30 rows or more on average: {roles.peers.why}",
    )


def _carried(roles: Roles) -> tuple[Guess, ...]:
    return roles.of("amount", "key", "category", "number", "instant")


def _field(one: Guess) -> str:
    title = json.dumps(one.column.header, ensure_ascii=False)
    kind = _KINDS.get(one.role, one.role)
    parts = [f'name="{one.name}"', f'kind="{kind}"', f"title_zh={title}", f"title_en={title}"]
    if one.role == "amount":
        parts.append("required=True")
    if one.role == "number" and one.column.decimals:
        parts.append(f"scale={one.column.decimals}")
    lines = "".join(f"\n        {part}," for part in parts)
    return f"    # {one.why}\n    EventField({lines}\n    ),"


def _measures(roles: Roles) -> Iterator[str]:
    yield 'Measure("off_day", "off_day")'
    if roles.one("time").column.has_clock:
        yield 'Measure("hour", "hour")'
    for one in roles.of("instant"):
        yield f'Measure("{one.name}_d", "between", field="{one.name}")'


class Written(NamedTuple):
    """A feature as it is written: expression, titles, why it is looked at, unit, tail."""

    of: str
    zh: str
    en: str
    why_zh: str
    why_en: str
    unit: str
    unit_zh: str
    tail: str


_EVENTS: Final = ("events", "次", "high")
_MONEY: Final = ("money", "金额", "both")
_DAYS: Final = ("days", "天", "both")
_FLAG: Final = ("flag", "是/否", "high")


def _features(roles: Roles) -> Iterator[Written]:
    yield from _amounts(roles)
    yield from _histories(roles)
    yield from _others(roles)
    why = "非工作日办理", "recorded on a day off"
    yield Written('Own("off_day")', "是否非工作日", "on a day off", *why, *_FLAG)
    if roles.one("time").column.has_clock:
        why = "在不寻常的钟点办理", "recorded at an unusual hour"
        yield Written('Own("hour")', "钟点", "hour of the day", *why, "hour", "点", "both")


def _amounts(roles: Roles) -> Iterator[Written]:
    s, p = roles.subject.name, roles.peers.name
    finer = next((one.name for one in roles.of("category") if one.name != p), None)
    levels = f'("{p}", "{finer}"), ("{p}",)' if finer else f'("{p}",),'
    of = f'RobustZ("amount_minor", ({levels}))'
    why = "与同类相比金额相差很大", "the amount is far from its peers'"
    yield Written(of, "金额(与同类相比)", "amount among peers", *why, *_MONEY)
    of = f'RobustZ("amount_minor", (("{s}",),))'
    why = "与本主体以往金额相差很大", "the amount is far from what the subject had before"
    titles = "金额(与本主体历史相比)", "amount against the subject's own history"
    yield Written(of, *titles, *why, *_MONEY)
    of = f'Share(("{p}", "{s}"), of=("{p}",), value="amount_minor", days=365)'
    why = "资金集中于一家", "the money goes to one"
    titles = "占同组金额的比例", "share of the group's money"
    yield Written(of, *titles, *why, "share", "占比", "high")


def _histories(roles: Roles) -> Iterator[Written]:
    s, p = roles.subject.name, roles.peers.name
    for days in (30, 365):
        of = f'Window(("{s}",), "count", days={days})'
        titles = f"近{days}天次数", f"events in {days} days"
        yield Written(of, *titles, "短期内频繁", "many in a short time", *_EVENTS)
    of = f'Window(("{s}",), "sum", "amount_minor", days=365)'
    why = "一年内累计金额大", "a large sum over the year"
    yield Written(of, "近一年累计金额", "sum of a year", *why, "money", "金额", "high")
    of = f'Window(("{s}", "{p}"), "count", days=30)'
    titles = "近30天同组次数", "events of the same group in 30 days"
    yield Written(of, *titles, "短期内重复", "the same again soon", *_EVENTS)
    why = "沉寂后突然出现或接连出现", "after a long silence, or twice in a row"
    yield Written(f'Since(("{s}",))', "距上次天数", "days since the last", *why, *_DAYS)
    of = f'IsNew(("{s}", "{p}"), of=("{p}",))'
    titles = "该组合首次出现", "first of this group for the subject"
    yield Written(of, *titles, "新出现的组合", "a new combination", *_FLAG)


def _others(roles: Roles) -> Iterator[Written]:
    s, p = roles.subject.name, roles.peers.name
    for one in roles.of("key", "category"):
        name, header = one.name, _plain(one)
        if name in (s, p):
            continue
        if one.role == "key":
            of = f'Window(("{name}",), "distinct", "{s}", days=365)'
            titles = f"同一 {header} 的主体数", f"subjects of the same {header}"
            why = "多个主体共用", "many subjects share it"
            yield Written(of, *titles, *why, "subjects", "个", "high")
        of = f'Rarity(("{p}", "{name}"), of=("{p}",))'
        titles = f"{header} 在同组中的少见程度", f"how rare {header} is in its group"
        yield Written(of, *titles, "同组中少见", "seldom seen here", "octaves", "倍频程", "high")
    for one in roles.of("number"):
        of, header = f'RobustZ("{one.name}", (("{p}",),))', _plain(one)
        titles = f"{header}(与同类相比)", f"{header} among peers"
        why = "与同类相差很大", "far from its peers"
        yield Written(of, *titles, *why, "number", "数值", "both")
    for one in roles.of("instant"):
        of, header = f'RobustZ("{one.name}_d", (("{p}",),))', _plain(one)
        titles = f"距 {header} 的天数", f"days from {header}"
        yield Written(of, *titles, "快于或慢于同类", "faster or slower than its like", *_DAYS)


def _plain(one: Guess) -> str:
    """The header as it stands in a text."""
    return one.column.header.replace("\\", " ").replace('"', "'")


def _feature(one: Written) -> str:
    return (
        f"    Feature(\n        {one.of},\n"
        f'        "{one.zh}",\n        "{one.en}",\n'
        f'        "{one.why_zh}",\n        "{one.why_en}",\n'
        f'        unit="{one.unit}",\n        unit_zh="{one.unit_zh}",\n'
        f'        tail="{one.tail}",\n        source="assumption",\n    ),'
    )
