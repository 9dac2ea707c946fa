"""Opening the desk: lock, ledger, live engines, champions, in this order; closing in reverse."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from functools import partial

from features.contracts.settings import Settings
from features.live.engine import LiveEngine
from features.scenarios import catalog
from features.store.history import Sizes
from features.store.ledger import Ledger
from serving.champion import Bundles, Champion, permitted
from serving.desk import Desk, Post
from serving.door import door
from serving.monitor import Monitor
from serving.reviewing import Reviewer, rule_in_force
from serving.rulebooks import keep
from serving.scorer import Scorer
from serving.store.audit import note
from serving.store.past import StoredScores
from serving.store.reading import Records, read_only
from serving.veil import Openness
from serving.warm import warm
from serving.writer import writer

Posts = Callable[[Settings, Ledger, Ledger], Mapping[str, Post]]
"""Makes the posts of a desk from the settings, the ledger, and a read-only view of it."""


def all_posts(settings: Settings, ledger: Ledger, deployed: Ledger) -> dict[str, Post]:
    """A post for every scenario of the catalogue."""
    return {name: _post(name, settings, ledger, deployed) for name in catalog.names()}


def _post(name: str, settings: Settings, ledger: Ledger, deployed: Ledger) -> Post:
    scenario = catalog.load(name, settings.rules)
    keep(settings.rulebooks, scenario)
    warm(scenario)
    sizes = Sizes(
        cache_rows=settings.history_cache_rows, shelf_bytes=settings.history_packed_mb << 20
    )
    if catalog.place(name) is not None:
        ledger.index(name, scenario.subject)
    engine = LiveEngine(ledger, scenario, sizes=sizes)
    bundles = Bundles(settings.bundles / name, spec_hash=engine.spec_hash)
    load = permitted(bundles.load, scenario, sensitive=settings.sensitive_features)
    champion = Champion(deployed, name, load)
    scorer = Scorer(
        ledger,
        engine,
        champion,
        scored=scenario.scored,
        reviewer=_reviewer(name, settings, ledger),
        enter=door(scenario.fields, settings),
    )
    return Post(scorer, champion, bundles.load, Openness.of(scenario))


def _reviewer(name: str, settings: Settings, ledger: Ledger) -> Reviewer:
    rule = rule_in_force(settings, ledger, name)
    return Reviewer(rule, line=settings.alert_line, past=StoredScores(ledger.connection, name))


@contextmanager
def open_desk(
    settings: Settings, monitor: Monitor, *, make_posts: Posts = all_posts
) -> Iterator[Desk]:
    """Open everything a service needs on `settings.home`; it is released at the end.

    Raises
    ------
    LedgerBusyError
        Another service runs on this home, whose ledger is a file.
    """
    with ExitStack() as stack:
        stack.enter_context(writer(settings))
        ledger = stack.enter_context(closing(Ledger.open(settings.ledger)))
        deployed = stack.enter_context(closing(read_only(settings.ledger)))
        records = Records(stack.enter_context(closing(read_only(settings.ledger))))
        posts = make_posts(settings, ledger, Ledger(deployed))
        thread = stack.enter_context(ThreadPoolExecutor(1, "scoring"))
        desk = Desk(posts, records, monitor, thread, partial(note, ledger))
        desk.refresh()
        yield desk
