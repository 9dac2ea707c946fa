"""Live: one event's vector from the stored histories, bit for bit what batch computes.

The caller scores first and appends afterwards, in one transaction of the ledger, so an event never
sees itself.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import numpy as np

from features import admission, rules
from features.contracts.errors import ConflictError, InputError
from features.contracts.events import Event, Stored, from_us
from features.contracts.vectors import Codes, FeatureVector, Vector
from features.contracts.verdicts import Evidence, RuleWarning
from features.kernels import KERNEL_VERSION
from features.live.ground import Ground
from features.live.preload import preload
from features.live.rebuild import Progress
from features.live.snapshots import Snapshots
from features.live.told import LiveTold
from features.live.trace import Source, found_by, sources, traced
from features.live.view import LiveView
from features.live.writer import LiveWriter
from features.origin import looks
from features.spec import Rule, Scenario
from features.store.history import Sizes
from features.store.ledger import Ledger
from features.store.marks import Look

T = TypeVar("T")


class _MovedError(Exception):
    """Another process wrote while an event was told of; it is told again."""


class LiveEngine:
    """The live path of one scenario over one ledger.

    Parameters
    ----------
    ledger
        The open ledger; histories are brought up to date with it at once.
    scenario
        What to compute.
    sizes
        How much of the histories is kept in memory, and how they are cut.
    is_shared
        Whether other processes write histories in the same database; as a rule they do in
        PostgreSQL, and do not in SQLite.
    """

    def __init__(
        self,
        ledger: Ledger,
        scenario: Scenario,
        *,
        sizes: Sizes = Sizes(),  # noqa: B008  (frozen)
        is_shared: bool | None = None,
    ) -> None:
        self.ledger, self.scenario = ledger, scenario
        if is_shared is None:
            is_shared = ledger.connection.dialect == "postgresql"
        with ledger.transaction():
            self.ground = Ground(ledger, scenario, sizes)
            self.writer = LiveWriter(self.ground, is_shared=is_shared)
            self.writer.catch_up()
        self._preload()
        self.snapshots = Snapshots(self.ground)
        self.ground.snapshots = self.snapshots
        self.spec_hash = self.writer.spec_hash
        self.rules_hash = scenario.rules_hash
        self._told_of = LiveTold(ledger, scenario.name)
        self._held: LiveView | None = None

    def _preload(self) -> None:
        """Read what the latest events looked at, from one state of the database."""
        while True:
            with self.ledger.snapshot():
                if self.writer.is_current():
                    preload(self.ground)
                    return
            with self.ledger.transaction():
                self.writer.catch_up()

    def admit(self, event: Event) -> Event:
        """Return `event` if it is what the scenario declares, else raise `InputError`."""
        kept = self.ledger.currency(self.scenario.name)
        if event.currency != kept:
            message = (
                f"currency {event.currency!r}: {self.scenario.name} is kept in {kept!r}, and "
                "amounts of two currencies are not compared; convert, or use another LIANJING_HOME"
            )
            raise InputError(message)
        return admission.admit(event, self.scenario)

    def values(self, event: Event, *, stored: Stored | None = None) -> tuple[Vector, Codes]:
        """Values and statuses (positions in `STATUS_CODES`) of all features, in the spec's order.

        The same numbers as `vector`, without what is said of them.
        """
        values, status, _ = self._told(LiveView.finish, event, stored)
        return values, status

    def vector(
        self, event: Event, *, stored: Stored | None = None, as_of_seq: int | None = None
    ) -> FeatureVector:
        """All features of `event` as of now, or as of its place in the ledger if it is stored.

        With `as_of_seq` nothing is seen that the ledger learned after that place: a record's
        watermark gives back the record's vector, whatever was loaded since.

        Raises
        ------
        ConflictError
            A later version of the same event is known already.
        """
        return self._told(self._vector, event, stored, as_of_seq)

    def _vector(self, view: LiveView) -> FeatureVector:
        label = view.text(self.scenario.peer_group)
        return FeatureVector(
            scenario=self.scenario.name,
            spec_hash=self.spec_hash,
            kernel_version=KERNEL_VERSION,
            as_of_seq=view.mark,
            names=tuple(self.scenario.by_name),
            cells=view.cells(),
            peer_group=label or "*",
        )

    def warnings(
        self,
        event: Event,
        vector: FeatureVector,
        among: Sequence[Rule] | None = None,
        *,
        stored: Stored | None = None,
    ) -> tuple[RuleWarning, ...]:
        """The answers of the scenario's fixed rules, or of those given, about `event`.

        They are as of the `vector`, and of its place in the ledger where the event is `stored`.
        """
        rules_asked = self.scenario.rules if among is None else among
        told = dict(zip(vector.names, vector.cells, strict=True))
        named = {name for rule in rules_asked for name, _, _ in rule.conditions}
        values = {name: np.array([told[name].value]) for name in named}
        found = []
        days = self.ground.calendar.local_days(np.array([event.effective_us]))
        for rule in rules_asked:
            applies = all(
                (event.kind if name == "kind" else event.fields.get(name)) in wanted
                for name, wanted in rule.applies
            )
            met = {
                need: np.array([self._told_of.is_told(need, event, vector.as_of_seq, stored)])
                for _, need in rule.needs
            }
            code = int(rules.answer(rule, values, np.array([applies]), days, met)[0])
            found.append(
                RuleWarning(
                    rule=rule.name, status=rules.ANSWERS[code], source="lianjing", detail=rule.basis
                )
            )
        return tuple(found)

    def evidence(
        self,
        event: Event,
        feature: str,
        *,
        stored: Stored | None = None,
        as_of_seq: int | None = None,
        limit: int = 5,
    ) -> tuple[Evidence, ...]:
        """The latest events that `feature` of `event` was computed from, newest first."""

        def newest(view: LiveView) -> tuple[Evidence, ...]:
            for look in sources(view, self.scenario.feature(feature)):
                found = found_by(view, look, limit=limit)
                if found:
                    return tuple(_evidence(one) for one in found)
            return ()

        return self._told(newest, event, stored, as_of_seq)

    def trace(
        self,
        event: Event,
        feature: str,
        *,
        stored: Stored | None = None,
        as_of_seq: int | None = None,
        limit: int | None = None,
    ) -> tuple[Source, ...]:
        """Every event that `feature` of `event` was computed from, look by look, newest first.

        With a `limit`, no more than so many a look.
        """

        def every(view: LiveView) -> tuple[Source, ...]:
            of = self.scenario.feature(feature)
            found = (traced(view, of, look, limit=limit) for look in looks(self.scenario, of))
            return tuple(one for part in found for one in part)

        return self._told(every, event, stored, as_of_seq)

    def append(self, stored: Stored) -> None:
        """Add a stored event to the histories, inside the open transaction."""
        view = self._held
        is_its = view is not None and view.serves(stored.event, stored, None, stored.seq)
        self.writer.append(stored, view if is_its else None)

    def follow(self, stored: Stored) -> None:
        """Take note of an event that another scenario's engine stored, inside its transaction."""
        self.append(stored)

    def rebuild(self, progress: Progress | None = None) -> None:
        """Make all histories anew from the ledger."""
        with self.ledger.transaction():
            self.writer.catch_up(progress, anew=True)

    def forget(self) -> None:
        """Drop what memory holds after a transaction was rolled back."""
        self._held = None
        self.snapshots.forget()
        self.writer.forget()
        self._told_of.forget()

    def _told(
        self,
        work: Callable[[LiveView], T],
        event: Event,
        stored: Stored | None,
        as_of_seq: int | None = None,
    ) -> T:
        """What `work` makes of an event's view, all of it read from one state of the database."""
        with self.ledger.lock:
            view = LiveView(self.ground, event, stored)
            look = self.writer.look(view)
            while look is None:
                with self.ledger.transaction():
                    self.writer.catch_up()
                look = self.writer.look(view)
            if not self.writer.marks.is_shared or self.ledger.connection.in_transaction:
                return work(self._standing(view, look, as_of_seq))
            try:
                with self._unmoved(look):
                    return work(self._standing(view, look, as_of_seq))
            except _MovedError:
                return self._told_in_snapshot(work, event, stored, as_of_seq)

    @contextmanager
    def _unmoved(self, look: Look) -> Iterator[None]:
        """All that is read inside is of the state looked at, or nothing of it is kept.

        As a rule nothing is read, since a look brings all that is needed.
        """
        connection, store = self.ledger.connection, self.ground.store
        store.recent.clear()
        began = connection.statements
        try:
            yield
        finally:
            if connection.statements > began and not self.writer.is_at(look):
                store.forget(store.recent)
                self._held = None
                self.snapshots.forget()
                raise _MovedError

    def _told_in_snapshot(
        self,
        work: Callable[[LiveView], T],
        event: Event,
        stored: Stored | None,
        as_of_seq: int | None,
    ) -> T:
        """The same, whatever others write meanwhile."""
        while True:
            with self.ledger.snapshot():
                view = LiveView(self.ground, event, stored)
                look = self.writer.look(view)
                if look is not None:
                    return work(self._standing(view, look, as_of_seq))
            with self.ledger.transaction():
                self.writer.catch_up()

    def _standing(self, view: LiveView, look: Look, as_of_seq: int | None) -> LiveView:
        """The view at its place in the ledger, or the one that is held and says the same."""
        held, head = self._held, self.writer.head
        if held is not None and held.serves(view.event, view.stored, as_of_seq, head):
            view = held
        else:
            is_newest = as_of_seq is None and view.stored is None
            mark = head if as_of_seq is None else as_of_seq
            view.standing(mark, has_versions=look.has_versions, is_newest=is_newest)
        if view.is_stale:
            event = view.event
            message = f"{event.kind} {event.event_id}: a version after {event.version} is known"
            raise ConflictError(message)
        view.measure()
        self._held = view
        return view


def rebuild(ledger: Ledger, scenario: Scenario, *, progress: Progress | None = None) -> None:
    """Make all live histories of `scenario` anew from `ledger`."""
    LiveEngine(ledger, scenario).rebuild(progress)


def _evidence(stored: Stored) -> Evidence:
    event = stored.event
    return Evidence(
        kind=event.kind,
        event_id=event.event_id,
        version=event.version,
        seq=stored.seq,
        effective_at=from_us(event.effective_us),
    )
