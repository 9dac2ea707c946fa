"""Scoring as one transaction: idempotent, conflict-proof, and nothing half done."""

from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.contracts.errors import ConflictError, InputError, LedgerError, NoChampionError
from features.contracts.events import Stored
from features.contracts.labels import Selected, Selection
from features.contracts.verdicts import Band, Relation, RuleWarning, Scores
from features.store.ledger import Ledger
from models.bundle import Bundle
from models.confirmed import Confirmed, band
from serving.relation import check_host, merge, relate
from serving.scorer import Scorer, Serving
from serving.store import audit, records
from serving.store.selected import selection_of, selections
from serving.testing import KIND, SmallEngine, payout, small_bundle
from serving.ulid import Ulids

HIT = RuleWarning(rule="over_cap", status="hit")
CLEAR = RuleWarning(rule="over_cap", status="clear")


class Desk:
    """A scorer over an empty ledger, with the parts a test looks at."""

    def __init__(self, ledger: Ledger, budget: float = 0.01) -> None:
        self.ledger = ledger
        self.engine = SmallEngine(self.ledger)
        self.serving: Serving | None = Serving(small_bundle(), "d" * 64, "1")
        self.scorer = Scorer(self.ledger, self.engine, self.champion, scored=(KIND,), budget=budget)

    def champion(self) -> Serving:
        if self.serving is None:
            raise NoChampionError("nothing was promoted")
        return self.serving

    def count(self, table: str) -> int:
        query = f"SELECT count(*) FROM {table}"  # noqa: S608
        return int(self.ledger.connection.execute(query).fetchone()[0])


@pytest.fixture
def desk(ledger: Ledger) -> Desk:
    return Desk(ledger)


def test_an_ordinary_event_gets_a_verdict_without_reasons(desk: Desk) -> None:
    """Band info carries no reasons unless they are asked for."""
    verdict = desk.scorer.score(payout(amount_minor=120))
    assert verdict.scores.band is Band.INFO
    assert not verdict.scores.is_alert
    assert verdict.reasons == ()
    assert verdict.relation is Relation.NONE


def test_an_unusual_event_says_why_with_evidence(desk: Desk) -> None:
    """A reason names the feature, its actual value, and the events it was computed from."""
    desk.scorer.score(payout("P-0"))
    verdict = desk.scorer.score(payout(amount_minor=9_999))
    (reason,) = verdict.reasons
    assert verdict.scores.band is Band.HIGH
    assert verdict.scores.is_alert
    assert (reason.feature, reason.actual) == ("amount", 99.99)
    assert [one.event_id for one in reason.evidence] == ["P-0"]


def test_reasons_come_when_asked_for(desk: Desk) -> None:
    """`explain` brings reasons even for an ordinary event."""
    answer = desk.scorer.answer(payout(), explain=True)
    assert '"feature":"amount"' in answer.body


def test_p_confirmed_is_told_once_it_is_known_and_never_before(desk: Desk) -> None:
    """Then it makes the band; an alert of band info says why all the same."""
    plain = desk.scorer.answer(payout("P-1", amount_minor=9_999))
    assert '"p_confirmed":null' in plain.body
    covariance = 0.01 * np.eye(2)
    known = Confirmed(-4.0, 1.0, 9_999.0, 1.0, covariance, covariance, quantile=2.0, n=120)
    bundle = small_bundle()

    def scores_of(score: float, *, is_alert: bool) -> Scores:
        scores = bundle.calibration.scores_of(score, is_alert=is_alert)
        told = known.likelihood(score)
        return scores.model_copy(update={"p_confirmed": told, "band": band(told.value)})

    parts = vars(bundle) | {"scores_of": scores_of}
    desk.serving = Serving(cast("Bundle", SimpleNamespace(**parts)), "e" * 64, "2")
    verdict = desk.scorer.score(payout("P-2", amount_minor=9_999))
    told = verdict.scores.p_confirmed
    assert told is not None
    assert told.value == pytest.approx(0.018, abs=1e-3)
    assert told.low < told.value < told.high
    assert told.n_reviews == 120
    assert (verdict.scores.band, verdict.scores.is_alert) == (Band.INFO, True)
    assert len(verdict.reasons) == 1


def test_the_same_request_gets_the_same_bytes_and_changes_nothing(desk: Desk) -> None:
    """A retry is answered from the record; asking for reasons makes it no other request."""
    first = desk.scorer.answer(payout(), [HIT])
    again = desk.scorer.answer(payout(), [HIT], explain=True)
    assert again.body == first.body
    assert (first.is_fresh, again.is_fresh) == (True, False)
    assert desk.engine.appended == ["P-1"]
    assert [desk.count(table) for table in ("event", "record", "audit")] == [1, 1, 1]


@pytest.mark.parametrize("warnings", [[HIT], [CLEAR]])
def test_other_warnings_under_the_same_key_conflict(
    desk: Desk, warnings: list[RuleWarning]
) -> None:
    """The warnings belong to the request; the refusal says that they alone differ."""
    desk.scorer.score(payout())
    with pytest.raises(ConflictError, match=r"other rule_warnings.* as version 2"):
        desk.scorer.score(payout(), warnings)


def test_other_content_under_the_same_key_conflicts_and_costs_no_memory(desk: Desk) -> None:
    """A refusal before anything is touched leaves the live histories in memory."""
    desk.scorer.score(payout(amount_minor=120))
    with pytest.raises(ConflictError, match="other content"):
        desk.scorer.score(payout(amount_minor=121), [HIT])
    assert desk.engine.n_forgotten == 0


def test_an_event_of_a_load_is_scored_where_it_stands(desk: Desk) -> None:
    """An event that is in the ledger already is not stored or learned again."""
    desk.ledger.admit([payout("P-1"), payout("P-2")], observed_us=1)
    verdict = desk.scorer.score(payout("P-1"))
    assert verdict.provenance.as_of_seq == 1
    assert desk.engine.appended == []
    assert desk.count("event") == 2


def test_a_loaded_event_with_other_content_conflicts(desk: Desk) -> None:
    """What was loaded under a key cannot be scored with other content."""
    desk.ledger.admit([payout(amount_minor=1)], observed_us=1)
    with pytest.raises(ConflictError):
        desk.scorer.score(payout(amount_minor=2))


def test_without_a_champion_nothing_is_stored(desk: Desk) -> None:
    """No verdict, no event, no audit row."""
    desk.serving = None
    with pytest.raises(NoChampionError):
        desk.scorer.score(payout())
    assert [desk.count(table) for table in ("event", "record", "audit")] == [0, 0, 0]


def test_a_failure_after_the_append_leaves_no_trace(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Event, record and audit row go together, and memory is dropped with them."""

    def fail(stored: Stored) -> NoReturn:
        raise LedgerError(f"disk full at {stored.seq}")

    monkeypatch.setattr(desk.engine, "append", fail)
    with pytest.raises(LedgerError):
        desk.scorer.score(payout())
    assert [desk.count(table) for table in ("event", "record", "audit")] == [0, 0, 0]
    assert desk.engine.n_forgotten == 1


def test_a_failure_of_the_commit_leaves_no_trace(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit that fails after all was done takes everything back."""

    def fail() -> NoReturn:
        desk.ledger.connection.roll_back()
        raise LedgerError("the ledger could not be written; nothing was stored")

    monkeypatch.setattr(desk.ledger, "_commit", fail)
    with pytest.raises(LedgerError):
        desk.scorer.score(payout())
    assert desk.count("record") == 0
    assert desk.engine.n_forgotten == 1


def test_a_full_disk_is_told_as_such_and_passes_when_there_is_room(tmp_path: Path) -> None:
    """A full disk refuses one event, loses none before it, and needs no restart."""
    desk = Desk(Ledger.open(tmp_path / "ledger.db"))
    pages = desk.ledger.connection.execute("PRAGMA page_count").fetchone()[0]
    desk.ledger.connection.execute(f"PRAGMA max_page_count = {pages}")
    told = "x" * 250

    def fill() -> None:
        for at in range(200):
            desk.scorer.score(payout(f"P-{at}", fields={"amount_minor": 1, "note": told}))

    with pytest.raises(LedgerError, match="cannot be used now"):
        fill()
    stored = desk.count("record")
    assert desk.engine.n_forgotten == 1
    desk.ledger.connection.execute("PRAGMA max_page_count = 1000000")
    desk.scorer.score(payout(f"P-{stored}", fields={"amount_minor": 1, "note": told}))
    assert [desk.count(table) for table in ("event", "record", "audit")] == [stored + 1] * 3
    assert audit.verify(desk.ledger) is None
    desk.ledger.close()


def test_retractions_and_other_kinds_are_history(desk: Desk) -> None:
    """What is not scored is refused with the address where it belongs."""
    with pytest.raises(InputError, match="retraction"):
        desk.scorer.score(payout(retracted=True))
    with pytest.raises(InputError, match="POST /v1/events"):
        desk.scorer.score(payout(kind="payout_paid"))


def test_an_id_is_scored_once_under_its_first_kind(desk: Desk) -> None:
    """A payout that was requested is not scored again when it is paid: the payment is history."""
    paid, both = "payout_paid", (KIND, "payout_paid")
    scorer = Scorer(desk.ledger, desk.engine, desk.champion, scored=both, budget=0.01)
    scorer.score(payout("P-1"))
    desk.ledger.admit([payout("P-2")])
    for event_id in ("P-1", "P-2"):
        with pytest.raises(ConflictError, match="POST /v1/events"):
            scorer.score(payout(event_id, kind=paid))
    assert [desk.count(table) for table in ("event", "record", "audit")] == [2, 1, 1]
    assert scorer.learn([payout("P-1", kind=paid)]) == ["accepted"]


def test_a_payment_scored_before_its_request_was_known_keeps_its_verdict(desk: Desk) -> None:
    """The retry of a scored call is answered, whatever was learned of the id since."""
    both = (KIND, "payout_paid")
    scorer = Scorer(desk.ledger, desk.engine, desk.champion, scored=both, budget=0.01)
    first = scorer.score(payout(kind="payout_paid"))
    scorer.learn([payout()])
    assert scorer.score(payout(kind="payout_paid")) == first


def test_history_is_learned_once(desk: Desk) -> None:
    """The same again is a duplicate, other content a conflict, and only new events are audited."""
    events = [payout("P-1"), payout("P-2"), payout("P-1"), payout("P-2", amount_minor=7)]
    assert desk.scorer.learn(events) == ["accepted", "accepted", "duplicate", "conflict"]
    assert desk.engine.appended == ["P-1", "P-2"]
    assert [desk.count(table) for table in ("event", "record", "audit")] == [2, 0, 1]


def test_a_record_explains_itself_later(desk: Desk) -> None:
    """Reasons that were not told at scoring are derived from the stored vector."""
    desk.scorer.score(payout("P-0"))
    verdict = desk.scorer.score(payout("P-1"))
    row = records.by_id(desk.ledger.connection, verdict.record_id)
    (reason,) = desk.scorer.explain(row, small_bundle())
    assert reason.actual == 1.2
    assert [one.event_id for one in reason.evidence] == ["P-0"]


def test_the_audit_chain_holds_after_scoring_and_learning(desk: Desk) -> None:
    """Both calls that change the state seal a row to one chain."""
    desk.scorer.score(payout("P-1"))
    desk.scorer.learn([payout("P-2")])
    desk.scorer.score(payout("P-3"))
    assert audit.verify(desk.ledger) is None


@pytest.mark.parametrize(
    ("sql", "where"),
    [
        ("UPDATE audit SET actor = 'x' WHERE audit = 2", "audit row 2"),
        ("DELETE FROM audit WHERE audit = 2", "audit row 2"),
        ("UPDATE audit SET hash = previous WHERE audit = 1", "audit row 1"),
        ("DELETE FROM audit WHERE audit = 3", "record {2}"),
        ("UPDATE record SET band = 'high' WHERE record = 2", "record {1}"),
        ("UPDATE record SET verdict = '{{}}' WHERE record = 1", "record {0}"),
        ("DELETE FROM record WHERE record = 2", "record {1}"),
        ("DELETE FROM record WHERE record = 3", "record {2}"),
    ],
)
def test_an_edit_a_deletion_or_a_cut_is_found_and_named(desk: Desk, sql: str, where: str) -> None:
    """Whatever is changed in audit or records, verification names the place."""
    ids = [desk.scorer.score(payout(f"P-{n}")).record_id for n in range(3)]
    desk.ledger.connection.execute(sql)
    found = audit.verify(desk.ledger)
    assert found is not None
    assert found.where == where.format(*ids)


@given(hits=st.lists(st.booleans(), max_size=4), is_alert=st.booleans())
def test_the_relation_depends_only_on_alert_and_any_hit(hits: list[bool], is_alert: bool) -> None:
    """Four cases, whatever the rules are called and however many clear."""
    rules = [
        RuleWarning(rule=f"r{at}", status="hit" if hit else "clear") for at, hit in enumerate(hits)
    ]
    expected = {
        (True, True): Relation.CONFIRMS,
        (True, False): Relation.NEW,
        (False, True): Relation.RULE_ONLY,
        (False, False): Relation.NONE,
    }
    assert relate(rules, is_alert=is_alert) is expected[is_alert, any(hits)]


def test_the_hosts_answer_to_a_rule_stands_before_ours() -> None:
    """Where both answer one rule, ours is left out."""
    ours = RuleWarning(rule="over_cap", status="hit", source="lianjing")
    assert merge([CLEAR], [ours]) == (CLEAR,)
    assert merge([], [ours]) == (ours,)


def test_the_host_answers_a_rule_once_and_in_its_own_name() -> None:
    """Two answers to one rule, or one in our name, are refused."""
    with pytest.raises(InputError, match="twice"):
        check_host([HIT, CLEAR])
    with pytest.raises(InputError, match="host"):
        check_host([RuleWarning(rule="over_cap", status="hit", source="lianjing")])


@given(st.lists(st.integers(0, 2**47 * 1000), min_size=2, max_size=20))
def test_ids_only_grow_whatever_the_clock_does(clock: list[int]) -> None:
    """A clock that stands still or steps back makes no id twice and none smaller."""
    source = Ulids()
    ids = [source.at(now) for now in clock]
    assert ids == sorted(set(ids))
    assert {len(one) for one in ids} == {26}


def test_records_say_why_their_events_were_reviewed(desk: Desk) -> None:
    """An alert for sure, a control at its rate, then a rule's hit, then nothing known."""
    desk.scorer.score(payout("P-1", amount_minor=9_999))
    desk.scorer.score(payout("P-2", amount_minor=120), [HIT])
    desk.scorer.score(payout("P-3", amount_minor=120))
    found = selections(desk.ledger.connection, "payouts")
    assert found == {
        "P-1": Selected(Selection.ALERT, 1.0),
        "P-2": Selected(Selection.RULE, None),
        "P-3": Selected(Selection.COMPLAINT, None),
    }
    verdict = desk.scorer.score(payout("P-4", amount_minor=120))
    assert verdict.review is not None
    drawn = verdict.review.model_copy(
        update={"selected_by": "control", "control_probability": 0.03}
    )
    control = verdict.model_copy(update={"review": drawn})
    assert selection_of(control) == Selected(Selection.CONTROL, 0.03)
