"""Declarations of a scenario: its measures, features and rules; unit, texts and version follow.

A scenario is its events' fields, a few *measures* (integers and codes that an event gets once, when
it is learned) and *features* (numbers about an event from strictly earlier events).
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Final

from features.calendar import Calendar
from features.contracts.errors import DeclarationError, LeakError, UnknownFeatureError
from features.contracts.events import EventField
from features.declared import (
    ONE_EVENT,
    Feature,
    Measure,
    Need,
    Network,
    Pattern,
    Rule,
    Source,
    Tail,
    Threshold,
    Unit,
)
from features.expression import (
    AmongPeers,
    Excess,
    Expression,
    IsNew,
    KeyZ,
    NearDuplicates,
    Own,
    PeerRank,
    Rarity,
    RobustZ,
    SetRarity,
    Share,
    Since,
    Window,
)
from features.kernels import KERNEL_VERSION
from features.window import DAY_US, MAX_DAYS, Atom, Key, Where

__all__ = [
    "DAY_US",
    "MAX_DAYS",
    "Atom",
    "Excess",
    "Expression",
    "Feature",
    "IsNew",
    "Key",
    "KeyZ",
    "Measure",
    "NearDuplicates",
    "Need",
    "Network",
    "Own",
    "Pattern",
    "PeerRank",
    "Rarity",
    "RobustZ",
    "Rule",
    "Scenario",
    "SetRarity",
    "Share",
    "Since",
    "Source",
    "Tail",
    "Threshold",
    "Unit",
    "Where",
    "Window",
]

_CODES: Final = ("key", "category")
_FROM_FIELD: Final = (
    "previous",
    "steps",
    "between",
    "ratio_ppm",
    "quotient",
    "difference",
    "within",
    "present",
    "change_ppm",
    "limit",
)
_BESIDE: Final = {
    "ratio_ppm": "divides by",
    "quotient": "divides by",
    "difference": "takes off",
    "between": "ends at",
}
_LATER: Final = ("start", "limits", "low", "high", "network")
"""What measures did not state at first."""


def _takes(
    atom: Atom, codes: Sequence[str], numbers: Sequence[str], kinds: Mapping[str, str]
) -> tuple[str, ...]:
    """Columns that the atom's operation can be made of."""
    if atom.op == "codes":
        return ("kind", *codes)
    if atom.op == "near":
        return tuple(name for name in numbers if kinds.get(name) == "sketch")
    return tuple(name for name in numbers if kinds.get(name) not in ("instant", "sketch"))


def _without(columns: Collection[str], left_out: Collection[str]) -> tuple[str, ...]:
    return tuple(column for column in columns if column not in left_out)


def _content(measure: Measure) -> dict[str, object]:
    """What decides a measure's value; what is not stated leaves the hash of old ones alone."""
    told = asdict(measure)
    return {
        name: value
        for name, value in told.items()
        if name not in _LATER or value not in (None, "", ())
    }


@dataclass(frozen=True)
class Scenario:
    """One supervised business, declared in one file.

    `scored` kinds are scored; where an event of a later kind in the tuple shares its id with an
    earlier-kind event known before it, it is not. `history` kinds are what windows look at by
    default. `peers_apart` says whether a model of a past period holds each large peer group against
    itself alone; without it the features alone say what is compared with what.
    """

    name: str
    zh: str
    en: str
    kinds: tuple[str, ...]
    scored: tuple[str, ...]
    history: tuple[str, ...]
    subject: str
    amount: str
    peer_group: str
    fields: tuple[EventField, ...]
    measures: tuple[Measure, ...]
    features: tuple[Feature, ...]
    rules: tuple[Rule, ...] = ()
    sources: tuple[Source, ...] = ()
    unit: Unit = ONE_EVENT
    patterns: tuple[Pattern, ...] = ()
    peers_apart: bool = True

    def __post_init__(self) -> None:
        self._check_names()
        self._check_roles()
        for k, measure in enumerate(self.measures):
            self._check_measure(measure, {item.name for item in self.measures[k:]})
        for feature in self.features:
            self._check_feature(feature)
        for rule in self.rules:
            self._check_rule(rule)
        for pattern in self.patterns:
            self._check_pattern(pattern)

    def _check_names(self) -> None:
        names = [feature.name for feature in self.features]
        columns = [*(item.name for item in self.fields), *(item.name for item in self.measures)]
        for kind, listed in (("feature", names), ("field or measure", columns)):
            twice = sorted({name for name in listed if listed.count(name) > 1})
            if twice:
                message = f"{self.name}: {kind} {twice[0]!r} is declared twice; drop one"
                raise DeclarationError(message)

    def _check_roles(self) -> None:
        codes = [item.name for item in self.fields if item.kind in _CODES]
        for kind in (*self.scored, *self.history):
            self._check("what is scored or counted", "names", kind, self.kinds)
        self._check("the subject", "is", self.subject, codes)
        self._check("the peer group", "is", self.peer_group, codes)
        self._check("the amount", "is", self.amount, self._of_kinds("money", "number"))
        roles = {"the subject": self.subject, "the peer group": self.peer_group}
        for role, column in {**roles, "the amount": self.amount}.items():
            self._check_known(role, column)
        for column in self.unit.key:
            self._check("the unit", "has", column, self.codes)
            self._check_known("the unit", column)
        if self.name in [source.scenario for source in self.sources]:
            message = f"{self.name} is no source of its own; its own events are looked at anyway"
            raise DeclarationError(message)

    def _of_kinds(self, *kinds: str) -> tuple[str, ...]:
        return tuple(item.name for item in self.fields if item.kind in kinds)

    def _check_feature(self, feature: Feature) -> None:
        of, name = feature.of, feature.name
        match of:
            case Own() | AmongPeers():
                self._check_own(name, of.value, _without(self.numbers, self.sketches))
            case NearDuplicates() | SetRarity():
                self._check_own(name, of.sketch, self.sketches)
            case Window(agg="total" | "earlier", value=str(value)):
                self._check_own(name, value, _without(self.numbers, self.sketches))
            case _:
                pass
        for atom in (*of.atoms, *(of.members if isinstance(of, KeyZ) else ())):
            self._check_atom(name, atom, ())

    def _check_rule(self, rule: Rule) -> None:
        for name, _, _ in rule.conditions:
            if self.feature(name).sensitive:
                message = (
                    f"{self.name}: rule {rule.name} asks {name}, which is sensitive; a rule is for "
                    "everybody who sees warnings: ask another feature"
                )
                raise DeclarationError(message)
            if self.feature(name).fill is not None:
                message = (
                    f"{self.name}: rule {rule.name} asks {name}, where {self.feature(name).fill} "
                    "may stand in for what is missing; a rule asks what is known: drop the fill"
                )
                raise DeclarationError(message)
        for column, _ in rule.applies:
            self._check(rule.name, "is for", column, ("kind", *self.codes))
            self._check_known(rule.name, column)
        for name, need in rule.needs:
            self._check_need(rule, name, need)

    def _check_need(self, rule: Rule, name: str, need: Need) -> None:
        asked = [feature for feature, _, _ in rule.conditions]
        if name not in asked:
            message = (
                f"{self.name}: rule {rule.name} says what {name} needs, and asks nothing of it; "
                f"it asks {', '.join(asked)}"
            )
            raise DeclarationError(message)
        fields = self.fields
        if need.source is not None:
            sources = [of.scenario for of in self.sources]
            self._check(rule.name, "needs events of", need.source, sources)
            fields = self.source(need.source).fields
        self._check(rule.name, "needs", need.field, ("kind", *(of.name for of in fields)))

    def _check_pattern(self, pattern: Pattern) -> None:
        names = [name for name, _ in pattern.parts]
        twice = sorted({name for name in names if names.count(name) > 1})
        if not names or twice:
            what = f"names {twice[0]!r} twice" if twice else "has no parts"
            message = f"{self.name}: pattern {pattern.name} {what}; name each feature once"
            raise DeclarationError(message)
        for name in names:
            if not self.feature(name).in_model:
                message = (
                    f"{self.name}: pattern {pattern.name} asks {name}, which is not for the model; "
                    "declare it with in_model=True"
                )
                raise DeclarationError(message)

    def _check_own(self, name: str, column: str, allowed: Collection[str]) -> None:
        self._check(name, "shows", column, allowed)
        self._check_known(name, column)

    def _check_known(self, name: str, column: str) -> None:
        if column in self.later:
            message = (
                f"{self.name}: {name} takes the event's own {column!r}, which is known only later; "
                "an earlier event's may be aggregated, its own may not"
            )
            raise LeakError(message)

    def _check_measure(self, measure: Measure, later: Collection[str]) -> None:
        if measure.atom is not None:
            self._check_atom(measure.name, measure.atom, later)
        elif measure.where is not None:
            allowed = ("kind", *_without(self.codes, later))
            self._check_where(measure.name, measure.where, allowed, self.kinds)
            self._check_known(measure.name, measure.where.field)
        for column in () if measure.is_code else (measure.field, measure.other):
            self._check_known(measure.name, column)
        if measure.how in _FROM_FIELD:
            allowed = _without(self._may_take(measure), later)
            self._check(measure.name, "takes", measure.field, allowed)
        if measure.how in _BESIDE and (measure.other or measure.how != "between"):
            allowed = _without(self._may_take(measure), later)
            self._check(measure.name, _BESIDE[measure.how], measure.other, allowed)
        if measure.network is not None:
            self._check_network(measure, measure.network)

    def _check_network(self, measure: Measure, network: Network) -> None:
        """A network joins keys of the scenario; what its events say of them is known with them."""
        for column in (network.member, *network.by):
            self._check(measure.name, "joins", column, self._of_kinds(*_CODES))
            self._check_known(measure.name, column)
        for kind in network.kinds:
            self._check(measure.name, "joins by", kind, self.kinds)
        twice = {network.member, *network.by} & set(measure.key)
        if twice:
            message = (
                f"{self.name}: {measure.name} joins by {min(twice)!r} among events that all have "
                "the same; drop it from the key or from the network"
            )
            raise DeclarationError(message)

    def _may_take(self, measure: Measure) -> tuple[str, ...]:
        """Columns that a measure may be made of: codes, instants, or numbers to calculate with."""
        if measure.is_code or measure.how in ("limit", "steps"):
            return self.codes
        if measure.how == "present":
            return self.numbers
        instants = self._of_kinds("instant")
        if measure.how == "between":
            return instants
        return _without(self.numbers, (*instants, *self.sketches))

    def _check_atom(self, name: str, atom: Atom, later: Collection[str]) -> None:
        codes, numbers = _without(self.codes, later), _without(self.numbers, later)
        of_events = self.kinds
        kinds: dict[str, str] = {item.name: item.kind for item in self.fields}
        kinds |= dict.fromkeys(self.sketches, "sketch")
        if not atom.key:
            message = f"{self.name}: {name} has no key; name whose earlier events it looks at"
            raise DeclarationError(message)
        for column in atom.key:
            self._check(name, "groups by", column, codes)
            self._check_known(name, column)
        if atom.source is not None:
            self._check(name, "looks at", atom.source, [item.scenario for item in self.sources])
            source = self.source(atom.source)
            codes, numbers = source.codes, source.numbers
            of_events = (*source.kinds, *source.on_demand)
            kinds = {item.name: item.kind for item in source.fields}
            for column in atom.key:
                self._check(name, f"joins {atom.source} by", column, codes)
        if atom.where:
            self._check_where(name, atom.where, ("kind", *codes), of_events)
        if atom.value:
            self._check(name, "is made of", atom.value, _takes(atom, codes, numbers, kinds))

    def _check_where(
        self, name: str, where: Where, columns: Collection[str], kinds: Collection[str]
    ) -> None:
        """A condition asks for a column that is there, and for kinds that can occur."""
        self._check(name, "asks for", where.field, columns)
        unknown = sorted(set(where.values) - set(kinds)) if where.field == "kind" else ()
        if unknown:
            message = (
                f"{self.name}: {name} asks for the kind {unknown[0]!r}, which is none of "
                f"{tuple(kinds)}; correct it, or declare it among the kinds of the scenario or, "
                "for its source, of that (`on_demand` where nothing else counts it)"
            )
            raise DeclarationError(message)

    def _check(self, name: str, verb: str, column: str, allowed: Collection[str]) -> None:
        if column not in allowed:
            message = f"{self.name}: {name} {verb} {column!r}, which is none of {tuple(allowed)}"
            raise DeclarationError(message)

    def left_out(self, *, sensitive: bool = False) -> tuple[str, ...]:
        """Features that no model takes; sensitive ones are among them unless they are let in."""
        return tuple(
            item.name
            for item in self.features
            if not item.in_model or (item.sensitive and not sensitive)
        )

    def barred(self, names: Iterable[str], *, sensitive: bool) -> tuple[str, ...]:
        """Those of `names`, in their order of the alphabet, that are sensitive and not let in."""
        of_persons = {item.name for item in self.features if item.sensitive}
        return () if sensitive else tuple(sorted(of_persons.intersection(names)))

    @cached_property
    def codes(self) -> tuple[str, ...]:
        """Columns that hold codes."""
        fields = tuple(item.name for item in self.fields if item.kind in _CODES)
        return fields + tuple(item.name for item in self.measures if item.is_code)

    @cached_property
    def numbers(self) -> tuple[str, ...]:
        """Columns that hold integers."""
        fields = tuple(item.name for item in self.fields if item.kind not in _CODES)
        return fields + tuple(item.name for item in self.measures if not item.is_code)

    @cached_property
    def sketches(self) -> tuple[str, ...]:
        """Fields that hold sketches of texts, and measures that hold sets of them."""
        fields = tuple(item.name for item in self.fields if item.kind == "sketch")
        return fields + tuple(item.name for item in self.measures if item.how == "steps")

    @cached_property
    def later(self) -> frozenset[str]:
        """Fields that are known only after their event."""
        return frozenset(item.name for item in self.fields if item.known_later)

    def source(self, name: str) -> Source:
        """The declared source of that name."""
        return next(item for item in self.sources if item.scenario == name)

    @cached_property
    def by_name(self) -> Mapping[str, Feature]:
        """Features by name."""
        return {feature.name: feature for feature in self.features}

    def feature(self, name: str) -> Feature:
        """The feature of that name.

        Raises
        ------
        UnknownFeatureError
            Nothing declares it; the message names the nearest.
        """
        if name not in self.by_name:
            raise UnknownFeatureError.among(name, self.by_name)
        return self.by_name[name]

    @cached_property
    def atoms(self) -> tuple[Atom, ...]:
        """All states the features need of an event's own keys, each once, in a fixed order."""
        return tuple(dict.fromkeys(atom for item in self.features for atom in item.of.atoms))

    @cached_property
    def users(self) -> Mapping[Atom, tuple[Expression, ...]]:
        """The expressions that are finalised from each state."""
        found: dict[Atom, tuple[Expression, ...]] = {}
        for item in self.features:
            for atom in dict.fromkeys(item.of.atoms):
                found[atom] = (*found.get(atom, ()), item.of)
        return found

    @cached_property
    def rules_text(self) -> str:
        """The fixed rules with the thresholds and validity that they are answered by, as JSON."""
        content = [{**asdict(rule), "zh": "", "en": ""} for rule in self.rules]
        return json.dumps(
            content, sort_keys=True, separators=(",", ":"), default=str, ensure_ascii=False
        )

    @cached_property
    def rules_hash(self) -> str:
        """SHA-256 of `rules_text`: the version of the rules."""
        return hashlib.sha256(self.rules_text.encode()).hexdigest()

    def spec_hash(self, calendar: Calendar) -> str:
        """SHA-256 of everything that decides a value: declarations, calendar, kernel version."""
        content = {
            "name": self.name,
            "scored": self.scored,
            "history": self.history,
            "peer_group": self.peer_group,
            "fields": [item.model_dump(exclude={"title_zh", "title_en"}) for item in self.fields],
            "measures": [_content(item) for item in self.measures],
            "features": [
                [type(item.of).__name__, asdict(item.of), item.fill] for item in self.features
            ],
            "sources": [
                [item.scenario, item.kinds, [field.model_dump() for field in item.fields]]
                for item in self.sources
            ],
            "calendar": calendar.digest,
            "kernel": KERNEL_VERSION,
        }
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()
