"""How the model's view stands to the fixed rules: confirms, new, rule only, or neither."""

from collections.abc import Sequence
from typing import Final

from features.contracts.errors import InputError
from features.contracts.verdicts import Relation, RuleWarning

_DEFINITE: Final = ("hit", "clear")


def merge(host: Sequence[RuleWarning], ours: Sequence[RuleWarning]) -> tuple[RuleWarning, ...]:
    """All warnings about an event; where host and we have a rule of one name, the host's counts.

    Only where the host could not tell (`insufficient`) does our hit or clear stand in its place.

    >>> hit, clear = (RuleWarning(rule="cap", status=s) for s in ("hit", "clear"))
    >>> [one.status for one in merge([clear], [hit])]
    ['clear']
    """
    told = {one.rule for one in ours if one.status in _DEFINITE}
    kept = [one for one in host if one.status != "insufficient" or one.rule not in told]
    known = {one.rule for one in kept}
    return (*kept, *(one for one in ours if one.rule not in known))


def relate(rules: Sequence[RuleWarning], *, is_alert: bool) -> Relation:
    """The relation of an alert, or of its absence, to the rules' warnings.

    >>> relate([], is_alert=True).value
    'new'
    """
    is_hit = any(one.status == "hit" for one in rules)
    if is_alert:
        return Relation.CONFIRMS if is_hit else Relation.NEW
    return Relation.RULE_ONLY if is_hit else Relation.NONE


def check_host(warnings: Sequence[RuleWarning]) -> None:
    """Refuse warnings that are not the host's own, or that answer one rule twice."""
    names = [one.rule for one in warnings]
    if len(set(names)) < len(names):
        raise InputError("rule_warnings answer one rule twice; send one answer a rule")
    if any(one.source != "host" for one in warnings):
        raise InputError("rule_warnings are the host's own; leave out source, or send 'host'")
