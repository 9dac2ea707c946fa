"""The champion: swapped when a bundle is promoted, kept when the new one may not be used."""

import re
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from features.contracts.errors import (
    CorruptBundleError,
    IncompatibleBundleError,
    NoChampionError,
)
from features.scenarios import catalog
from features.store.deployments import deploy
from features.store.ledger import Ledger
from models.bundle import Bundle
from serving.champion import Bundles, Champion, permitted
from serving.monitor import Monitor, request_log
from serving.testing import small_bundle

OLD, NEW = "a" * 64, "b" * 64


class Shop:
    """Bundles by digest; those in `broken` may not be used."""

    def __init__(self) -> None:
        self.broken: set[str] = set()
        self.bundles = {OLD: small_bundle(), NEW: small_bundle()}

    def load(self, digest: str) -> Bundle:
        if digest in self.broken:
            raise IncompatibleBundleError("trained for another spec")
        return self.bundles[digest]


@pytest.fixture
def ledger() -> Ledger:
    return Ledger.in_memory()


def promote(ledger: Ledger, digest: str) -> None:
    deploy(ledger, "payouts", digest=digest, model_version=digest[:1], by="test")


def test_before_the_first_promotion_there_is_no_champion(ledger: Ledger) -> None:
    """The refusal names the command that helps."""
    champion = Champion(ledger, "payouts", Shop().load)
    assert not champion.refresh()
    with pytest.raises(NoChampionError, match="lianjing promote"):
        champion()


def test_a_promotion_swaps_the_champion_once(ledger: Ledger) -> None:
    """Looking again changes nothing; another promotion does."""
    shop = Shop()
    champion = Champion(ledger, "payouts", shop.load)
    promote(ledger, OLD)
    assert [champion.refresh(), champion.refresh()] == [True, False]
    promote(ledger, NEW)
    assert champion.refresh()
    assert (champion().digest, champion().model_version) == (NEW, "b")
    assert champion().bundle is shop.bundles[NEW]


def test_a_bad_bundle_leaves_the_old_one_serving_and_says_why(ledger: Ledger) -> None:
    """A promoted bundle that may not be used replaces nothing."""
    shop = Shop()
    champion = Champion(ledger, "payouts", shop.load)
    promote(ledger, OLD)
    champion.refresh()
    shop.broken.add(NEW)
    promote(ledger, NEW)
    assert not champion.refresh()
    assert champion().digest == OLD
    assert champion.failure == "trained for another spec"


def test_a_repaired_bundle_comes_to_serve_without_another_promotion(ledger: Ledger) -> None:
    """A refused bundle is tried again at every look."""
    shop = Shop()
    shop.broken.add(NEW)
    champion = Champion(ledger, "payouts", shop.load)
    promote(ledger, NEW)
    champion.refresh()
    with pytest.raises(NoChampionError, match="another spec"):
        champion()
    shop.broken.clear()
    assert champion.refresh()
    assert (champion().digest, champion.failure) == (NEW, "")


@pytest.mark.parametrize("digest", ["c" * 64, "..", "../../etc", ""])
def test_a_bundle_that_is_not_there_is_corrupt(tmp_path: Path, digest: str) -> None:
    """A missing folder, or a name that leads out of it, is refused with the way out."""
    with pytest.raises(CorruptBundleError, match="promote it again"):
        Bundles(tmp_path, spec_hash="s").load(digest)


def test_bundles_are_read_once_and_the_oldest_makes_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last four are kept in memory."""
    read: list[str] = []

    def note(folder: Path, *, digest: str, spec_hash: str) -> Bundle:
        assert (folder, spec_hash) == (tmp_path / digest, "s")
        read.append(digest)
        return small_bundle()

    monkeypatch.setattr(Bundle, "load", note)
    bundles = Bundles(tmp_path, spec_hash="s")
    for digest in ("a", "b", "c", "d", "e", "a", "e"):
        (tmp_path / digest).mkdir(exist_ok=True)
        bundles.load(digest)
    assert read == ["a", "b", "c", "d", "e", "a"]


def test_a_folder_that_holds_no_bundle_is_refused(tmp_path: Path) -> None:
    """An empty folder is no bundle."""
    (tmp_path / OLD).mkdir()
    with pytest.raises(CorruptBundleError):
        Bundles(tmp_path, spec_hash="s").load(OLD)


def test_the_metrics_show_who_serves_and_who_may_not(ledger: Ledger) -> None:
    """One digest a scenario is shown, and whether a newer one is refused."""
    shop, log = Shop(), StringIO()
    monitor = Monitor(request_log(log))
    champion = Champion(ledger, "payouts", shop.load)
    promote(ledger, OLD)
    champion.refresh()
    first = champion()
    monitor.serves("payouts", first, None)
    promote(ledger, NEW)
    champion.refresh()
    monitor.serves("payouts", champion(), first)
    monitor.refuses("payouts", "trained for another spec")
    told = monitor.exposition().decode()
    assert NEW in told
    assert OLD not in told
    assert 'lianjing_champion_refused{scenario="payouts"} 1.0' in told
    monitor.refuses("payouts", "")
    assert 'refused{scenario="payouts"} 0.0' in monitor.exposition().decode()


def test_an_error_that_is_no_bundles_own_is_not_swallowed(ledger: Ledger) -> None:
    """What is not about the bundle goes up to whoever looks, and the next look tries again."""
    is_broken = [True, False]

    def load(digest: str) -> Bundle:
        if is_broken.pop(0):
            raise ZeroDivisionError(digest)
        return small_bundle()

    promote(ledger, OLD)
    champion = Champion(ledger, "payouts", load)
    with pytest.raises(ZeroDivisionError):
        champion.refresh()
    assert champion.refresh()
    assert champion().digest == OLD


def test_a_bundle_that_takes_a_sensitive_feature_serves_only_where_it_may(ledger: Ledger) -> None:
    """The refusal names feature, setting and way out; the bundle itself can still be read."""
    shy = "officer_share_365d_by_enterprise"
    bundle = cast("SimpleNamespace", small_bundle())
    bundle.manifest.model_features = ("amount", shy)
    promote(ledger, OLD)
    scenario = catalog.load("payouts")
    for sensitive, serves in ((False, False), (True, True)):
        load = permitted(lambda _: cast("Bundle", bundle), scenario, sensitive=sensitive)
        champion = Champion(ledger, "payouts", load)
        assert champion.refresh() == serves
        said = re.search(f"takes {shy}.*LIANJING_SENSITIVE_FEATURES is off", champion.failure)
        assert (said is None) == serves
