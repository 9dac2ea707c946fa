"""Replay: any stored verdict derived again from the ledger and the recorded bundle.

Features are computed at the record's watermark and scored with the bundle that scored then; vector,
p-value and P(confirmed) must come out as stored, bit for bit, and the alert as the line then in
force says. Our fixed rules are asked again as they were then, where they were kept.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from features.contracts.errors import NotFoundError
from features.contracts.settings import Settings
from features.contracts.verdicts import RuleWarning, Verdict
from features.live.engine import LiveEngine
from features.scenarios import catalog
from features.spec import Rule
from features.store.ledger import Ledger
from serving.champion import Bundles
from serving.relation import merge
from serving.reviewing import is_above
from serving.rulebooks import kept
from serving.store import records

_PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class Replay:
    """One record derived again; `differs` names what came out otherwise, empty when nothing did.

    `skipped` names what could not be asked again: rules that were not kept.
    """

    record_id: str
    event_id: str
    differs: tuple[str, ...]
    skipped: tuple[str, ...] = ()


class Replayer:
    """Derives records of one home again, with each scenario's engine and bundles opened once."""

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        self._settings, self._ledger = settings, ledger
        self._opened: dict[str, tuple[LiveEngine, Bundles]] = {}

    def replay(self, row: records.Row) -> Replay:
        """Derive one record again.

        Raises
        ------
        NotFoundError
            Its event is not in the ledger.
        BundleError
            Its bundle is not there, was changed, or is for features this release does not have.
        """
        verdict = Verdict.model_validate_json(row.verdict)
        engine, bundles = self._open(row.scenario)
        stored = self._ledger.find(row.scenario, row.kind, row.event_id, row.version)
        if stored is None:
            message = f"record {row.record_id}: its event is not in this ledger; restore a backup"
            raise NotFoundError(message)
        made = verdict.provenance
        bundle = bundles.load(made.bundle_digest)
        vector = engine.vector(stored.event, stored=stored, as_of_seq=made.as_of_seq)
        score = bundle.score_row(vector.values)
        scores = bundle.scores_of(score, is_alert=verdict.scores.is_alert)
        compared: dict[str, tuple[object, object]] = {
            "feature spec": (made.spec_hash, engine.spec_hash),
            "vector": (made.vector_digest, vector.digest),
            "p-value": (verdict.scores.p_value, scores.p_value),
            "P(confirmed)": (verdict.scores.p_confirmed, scores.p_confirmed),
        }
        if verdict.review is not None:
            compared["alert"] = (verdict.scores.is_alert, is_above(score, verdict.review))
        rules = self._rules(engine, made.rules_hash)
        if rules is not None:
            ours = engine.warnings(stored.event, vector, rules, stored=stored)
            compared["fixed rules"] = (verdict.rules, _merged(verdict.rules, ours))
        differs = tuple(name for name, (then, now) in compared.items() if then != now)
        skipped = () if rules is not None else ("fixed rules",)
        return Replay(row.record_id, row.event_id, differs, skipped)

    def _rules(self, engine: LiveEngine, rules_hash: str) -> tuple[Rule, ...] | None:
        """The rules that a verdict was given by; None where they were not kept."""
        if rules_hash == engine.rules_hash:
            return engine.scenario.rules
        return kept(self._settings.rulebooks, rules_hash) if rules_hash else None

    def every(self) -> Iterator[Replay]:
        """Derive all records again, in the order they were stored."""
        place = 0
        while page := records.after(self._ledger.connection, place, _PAGE):
            for _, row in page:
                yield self.replay(row)
            place = page[-1][0]

    def _open(self, name: str) -> tuple[LiveEngine, Bundles]:
        if name not in self._opened:
            engine = LiveEngine(self._ledger, catalog.load(name, self._settings.rules))
            folder = self._settings.bundles / name
            self._opened[name] = engine, Bundles(folder, spec_hash=engine.spec_hash)
        return self._opened[name]


def _merged(
    then: tuple[RuleWarning, ...], ours: tuple[RuleWarning, ...]
) -> tuple[RuleWarning, ...]:
    """Warnings as they would be told now, with what the host said then."""
    return merge([one for one in then if one.source == "host"], ours)
