"""The pages: one a feature and one a scenario, as Markdown, in Chinese or in English."""

from collections.abc import Iterator, Sequence
from typing import Final

from features.calendar import zone
from features.contracts.events import from_us
from features.document.example import Example, Line, example
from features.document.indicators import told as explained
from features.document.meaning import meaning
from features.document.parts import Meaning
from features.document.words import (
    Both,
    Language,
    asked_of,
    code,
    kinds_of,
    measured,
    number,
    same,
    span,
)
from features.expression import AmongPeers, KeyZ, Lookback
from features.origin import looks, measures_behind
from features.retrace import Part
from features.spec import Feature, Scenario

SECTIONS: Final = (
    Both("为何值得关注", "Why it is worth a look"),
    Both("如何计算", "How it is computed"),
    Both("单位与取值范围", "Unit and range"),
    Both("何时缺失", "When it is missing"),
    Both("假设", "What it assumes"),
    Both("何时会误报", "What makes it fire wrongly"),
    Both("来源", "Source"),
    Both("算例", "Worked example"),
)
"""Headings of a feature's page, in order."""
_SEEN: Final = Both(
    "只计事件之前已入账的:每个其他事件取当时的最新版本,已撤回的不计;"
    "同一时刻的事件互不可见,事件也看不到自身。",
    "Only what the ledger knew before the event counts: of each other event the latest version of "
    "the time, nothing that was retracted; events of one instant do not see each other, and no "
    "event sees itself.",
)
_ALONE: Final = Both("只看事件本身。", "Only the event itself is looked at.")
_TAILS: Final = {
    "high": Both("数值偏高为异常。", "High values are unusual."),
    "low": Both("数值偏低为异常。", "Low values are unusual."),
    "both": Both("偏高、偏低均为异常。", "Both high and low values are unusual."),
}
_UNSTATED: Final = Both("未说明", "not stated by whoever declared it")
_AT: Final = "%Y-%m-%d %H:%M"


def feature_page(scenario: Scenario, feature: Feature, language: Language) -> str:
    """The page of one feature, with an example that was run for it."""
    told = meaning(scenario, feature.of)
    bodies = (
        _why(feature, language),
        _how(scenario, feature, told, language),
        _unit_and_range(feature, told, language),
        _missing(feature, told, language),
        _assumptions(feature, told, language),
        _false_alarm(feature, language),
        _source(feature, told, language),
        _example(example(scenario, feature), language),
    )
    title = Both(feature.zh, feature.en).of(language)
    what = Both(f"{told.words.zh}。", f"{_upper(told.words.en)}.").of(language)
    parts = [f"# {title}", f"`{feature.name}` · [{scenario.name}](index.md)", what]
    for heading, body in zip(SECTIONS, bodies, strict=True):
        parts += [f"## {heading.of(language)}", body]
    return "\n\n".join(parts) + "\n"


def scenario_page(scenario: Scenario, language: Language) -> str:
    """The page of one scenario: its events, fields, measures, features and rules."""
    zh = language == "zh"
    kinds = Both(
        f"评分:{code(scenario.scored, '、')};计入历史:{code(scenario.history, '、')}。",
        f"Scored: {code(scenario.scored)}. Counted as history: {code(scenario.history)}.",
    )
    links = [
        (f"[{feature.zh if zh else feature.en}]({feature.name}.md)", f"`{feature.name}`",
         feature.family, Both(feature.unit_zh, feature.unit).of(language))
        for feature in scenario.features
    ]  # fmt: skip
    parts = [
        f"# {scenario.zh if zh else scenario.en}",
        kinds.of(language),
        _SEEN.of(language),
        "## " + Both("特征", "Features").of(language),
        _table(Both("特征|名称|类别|单位", "feature|name|family|unit").of(language), links),
        "## " + Both("字段", "Fields").of(language),
        _table(
            Both("字段|含义|种类", "field|what|kind").of(language),
            [(f"`{item.name}`", item.title_zh if zh else item.title_en, item.kind)
             for item in scenario.fields],
        ),
    ]  # fmt: skip
    if scenario.measures:
        rows = [(f"`{item.name}`", measured(item).of(language)) for item in scenario.measures]
        parts.append("## " + Both("度量", "Measures").of(language))
        parts.append(_table(Both("度量|含义", "measure|what").of(language), rows))
    if scenario.rules:
        rows = [(rule.zh if zh else rule.en, rule.basis) for rule in scenario.rules]
        parts.append("## " + Both("固定规则", "Fixed rules").of(language))
        parts.append(_table(Both("规则|依据", "rule|basis").of(language), rows))
    return "\n\n".join(parts) + "\n"


def pages(scenario: Scenario, language: Language) -> Iterator[tuple[str, str]]:
    """The file name and the text of every page of `scenario`, the scenario's own first."""
    yield "index.md", scenario_page(scenario, language)
    for feature in scenario.features:
        yield f"{feature.name}.md", feature_page(scenario, feature, language)


def _why(feature: Feature, language: Language) -> str:
    why = Both(f"{feature.why_zh}。", f"{_upper(feature.why_en)}.")
    return Both(why.zh + _TAILS[feature.tail].zh, f"{why.en} {_TAILS[feature.tail].en}").of(
        language
    )


def _false_alarm(feature: Feature, language: Language) -> str:
    stated = Both(feature.false_alarm_zh, feature.false_alarm_en).of(language)
    return _upper(stated or _UNSTATED.of(language)) + _stop(language)


def _how(scenario: Scenario, feature: Feature, told: Meaning, language: Language) -> str:
    parts = [_bullets(_looked_at(scenario, feature, language))]
    parts.append("```text\n" + "\n".join(told.math) + "\n```")
    if isinstance(feature.of, AmongPeers):
        order = Both("同组由细到粗:", "Peers, from finest to coarsest:").of(language)
        parts.append(f"{order}\n" + _numbered([code(key) for key in feature.of.peers]))
    is_alone = not looks(scenario, feature)
    return "\n\n".join([*parts, (_ALONE if is_alone else _SEEN).of(language)])


def _looked_at(scenario: Scenario, feature: Feature, language: Language) -> list[str]:
    """Key, events, window and condition of an expression, and the measures it takes."""
    facts = [] if not isinstance(feature.of, Lookback) else _window(scenario, feature, feature.of)
    columns = {
        *(item.name for item in measures_behind(scenario, feature.of)),
        *(name for look in looks(scenario, feature) for name in (*look.atom.key, look.column)),
    }
    for measure in scenario.measures:
        if measure.name in columns:
            told = measured(measure)
            facts.append(Both(f"`{measure.name}`:{told.zh}", f"`{measure.name}`: {told.en}"))
    return [fact.of(language) for fact in facts or [_FIELD]]


_FIELD: Final = Both("事件自身的字段", "A field of the event")


def _window(scenario: Scenario, feature: Feature, of: Lookback) -> list[Both]:
    events, asked = kinds_of(scenario, of), asked_of(of.where)
    window = span(of.reach, at_midnight=isinstance(of, KeyZ))
    facts = [Both(f"看:{events.zh}", f"Looks at: {events.en}")]
    if not isinstance(of, AmongPeers):
        states = (look for look in looks(scenario, feature) if look.measure is None)
        keys = dict.fromkeys(look.atom.key for look in states)
        named = " / ".join(code(key) for key in keys)
        facts.append(Both(f"键:{named}", f"Key: {named}"))
    facts.append(Both(f"窗口:{window.zh}", f"Window: {window.en}"))
    if asked.zh:
        facts.append(Both(f"条件:{asked.zh.strip()}", f"Condition: {asked.en.removeprefix(', ')}"))
    return facts


def _numbered(items: list[str]) -> str:
    return "".join(f"\n{number}. {item}" for number, item in enumerate(items, 1))


def _unit_and_range(feature: Feature, told: Meaning, language: Language) -> str:
    shown = Both(feature.unit_zh, feature.unit)
    unit = shown if told.unit is None else told.unit
    words = told.range.words
    texts = [Both(f"单位:{unit.zh}。取值:{words.zh}。", f"Unit: {unit.en}. Range: {words.en}.")]
    if isinstance(feature.of, AmongPeers):
        texts.append(
            Both(f"界面上以{shown.zh}显示。", f"What was compared is shown in {shown.en}.")
        )
    if feature.unit == "money":
        texts.append(_MINOR)
    return ("" if language == "zh" else " ").join(text.of(language) for text in texts)


_MINOR: Final = Both(
    "金额以最小货币单位(分)计算,显示时除以100。",
    "Money is computed in minor units and shown divided by 100.",
)


def _missing(feature: Feature, told: Meaning, language: Language) -> str:
    if not told.missing:
        return Both("从不缺失。", "It never is.").of(language)
    items = [f"`{item.status}`:{item.when.zh}" for item in told.missing]
    if language == "en":
        items = [f"`{item.status}`: {item.when.en}" for item in told.missing]
    text = _bullets(items)
    if feature.fill is None:
        return text
    return f"{text}\n\n" + Both(
        f"缺失时(除 `error` 外)以 {feature.fill:g} 代替,状态为 `imputed`。",
        f"Where it is missing (but for an `error`), {feature.fill:g} stands in, and the status is "
        "`imputed`.",
    ).of(language)


def _assumptions(feature: Feature, told: Meaning, language: Language) -> str:
    items = [item.of(language) for item in told.assumes]
    own = Both(feature.assumes_zh, feature.assumes_en).of(language)
    return _bullets([*items, own] if own else items)


def _source(feature: Feature, told: Meaning, language: Language) -> str:
    named = [explained(feature.source, language)] if feature.source else []
    items = [*named, *told.papers] or [Both("未注明。", "None is stated.").of(language)]
    return _bullets(items)


def _example(of: Example, language: Language) -> str:
    head = Both("个数|时间|种类|内容", "events|when|kind|what they say").of(language)
    rows = [(str(line.n), _when(line), _kind(line), _says(line)) for line in of.lines]
    at, says = _when(of.event), _says(of.event)
    parts = [_table(head, rows)] if rows else []
    parts.append(
        Both(
            f"事件:{at},`{of.event.kind}`,{says}。", f"The event: {at}, `{of.event.kind}`, {says}."
        ).of(language)
    )
    parts += [_counted(part, language) for part in of.trace.parts]
    parts.append(_upper(of.worked.how.of(language)) + _stop(language))
    value = f"**{number(of.trace.value)}** (`{of.trace.status}`)"
    parts.append(Both(f"引擎算得:{value}。", f"The engine computes {value}.").of(language))
    return "\n\n".join(parts)


def _counted(part: Part, language: Language) -> str:
    atom, n, measure = part.look.atom, len(part.seen), part.look.measure
    shared = same(atom.key)
    by = Both("", "") if measure is None else Both(f"`{measure}`:", f"`{measure}`: ")
    window = span(atom.reach, at_midnight=part.look.at_midnight)
    if part.look.end is not None and n == 0:
        return Both(
            f"{by.zh}{window.zh}没有{shared.zh}事件。",
            f"{by.en}No event {shared.en} {window.en}.",
        ).of(language)
    if part.look.end is not None:
        zh, en = ("最近", "last") if part.look.end == "last" else ("最早", "first")
        return Both(
            f"{by.zh}取{window.zh},{shared.zh}{zh}一个事件。",
            f"{by.en}Taken {window.en}: the {en} event {shared.en}.",
        ).of(language)
    column = part.look.column
    has = Both(f"带有 `{column}` 的", f" that carry `{column}`") if column else Both("", "")
    return Both(
        f"{by.zh}{window.zh},{shared.zh}{has.zh}事件计入{n}个。",
        f"{by.en}Counted {window.en}: {n} events {shared.en}{has.en}.",
    ).of(language)


def _when(line: Line) -> str:
    tz = zone("Asia/Shanghai")
    first = from_us(line.first_us).astimezone(tz).strftime(_AT)
    if line.n == 1:
        return first
    return f"{first} … {from_us(line.last_us).astimezone(tz).strftime(_AT)}"


def _kind(line: Line) -> str:
    return f"`{line.kind}`" if line.source is None else f"`{line.source}`: `{line.kind}`"


def _says(line: Line) -> str:
    return ", ".join(f"`{name}` = {value}" for name, value in line.says)


def _table(head: str, rows: Sequence[Sequence[str]]) -> str:
    columns = head.split("|")
    lines = [f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def _bullets(items: list[str]) -> str:
    return "\n".join(f"- {item}" for item in items)


def _stop(language: Language) -> str:
    return "。" if language == "zh" else "."


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
