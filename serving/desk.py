"""The desk: what a running service holds open, and what its routes work with."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeVar

from starlette.requests import Request

from features.contracts.errors import UnknownScenarioError
from serving.champion import Champion, Load
from serving.monitor import Monitor, places
from serving.scorer import Scorer, Serving
from serving.store.audit import Entry
from serving.store.reading import Records
from serving.veil import Openness, Veil

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Post:
    """One scenario at the desk: who scores, what serves, any promoted bundle by its digest.

    `openness` says what of it everybody may see.
    """

    scorer: Scorer
    champion: Champion
    bundle: Load
    openness: Openness


@dataclass(slots=True)
class Desk:
    """What the routes work with; scoring has a thread of its own, so the event loop stays free.

    `note` seals an entry into the audit chain; `veil` is over whatever everybody may see.
    `failure` names what keeps newly promoted bundles from being found; empty while all is well.
    """

    posts: Mapping[str, Post]
    records: Records
    monitor: Monitor
    thread: ThreadPoolExecutor
    note: Callable[[Entry], None]
    failure: str = field(default="", init=False)
    veil: Veil = field(init=False)

    def __post_init__(self) -> None:
        self.veil = Veil({name: post.openness for name, post in self.posts.items()})

    def post(self, scenario: str) -> Post:
        """The post of that scenario.

        Raises
        ------
        UnknownScenarioError
            There is none.
        """
        try:
            return self.posts[scenario]
        except KeyError:
            raise UnknownScenarioError.among(scenario, self.posts) from None

    async def work(self, call: Callable[[], T]) -> T:
        """Run `call` in the scoring thread."""
        return await asyncio.get_running_loop().run_in_executor(self.thread, call)

    def refresh(self) -> None:
        """Look for newly promoted bundles."""
        for name, post in self.posts.items():
            before, failure = post.champion.serving, post.champion.failure
            if post.champion.refresh() and post.champion.serving is not None:
                self._serves(name, post, before)
            if post.champion.failure != failure:
                self.monitor.refuses(name, post.champion.failure)

    def _serves(self, name: str, post: Post, before: Serving | None) -> None:
        serving = post.champion()
        self.monitor.serves(name, serving, before)
        held_out = serving.bundle.calibration.n_rows
        self.monitor.expects(name, post.scorer.alert_budget, held_out)

    async def watch(self, every_s: float) -> None:
        """Look for newly promoted bundles for ever; a look that fails is told and tried again."""
        while True:
            await asyncio.sleep(every_s)
            try:
                await asyncio.to_thread(self.refresh)
            except Exception as error:  # noqa: BLE001  (the watch outlives whatever it meets)
                self._failed(error)
            else:
                self.failure = ""

    def _failed(self, error: Exception) -> None:
        name = type(error).__name__
        if name != self.failure:
            self.monitor.log.error("watch_failed", error=name, at=places(error))
        self.failure = name


def desk_of(request: Request) -> Desk:
    """The desk of the service that got `request`."""
    desk: Desk = request.app.state.desk
    return desk


@asynccontextmanager
async def watching(desk: Desk, every_s: float) -> AsyncIterator[None]:
    """Keep the champions fresh in the background."""
    task = asyncio.create_task(desk.watch(every_s))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
