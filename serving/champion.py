"""The champion: the bundle that serves a scenario, renewed when another one is promoted.

The deployment row is polled. A new bundle is loaded and verified beside the one that serves, then
one reference is swapped, so no request sees two models. A bundle that may not be used leaves the
old one serving, and the reason is on show.
"""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from features.contracts.errors import (
    BundleError,
    CorruptBundleError,
    IncompatibleBundleError,
    NoChampionError,
)
from features.contracts.settings import Settings
from features.spec import Scenario
from features.store import deployments
from features.store.ledger import Ledger
from models.bundle import Bundle
from serving.scorer import Serving

_KEPT: Final = 4

Load = Callable[[str], Bundle]


class Bundles:
    """Promoted bundles by digest, loaded once and verified; the last few are kept.

    Parameters
    ----------
    folder
        Where `promote` puts them: `<folder>/<scenario>/<digest>/`.
    """

    def __init__(self, folder: Path, *, spec_hash: str) -> None:
        self._folder, self._spec_hash = folder, spec_hash
        self._kept: dict[str, Bundle] = {}
        self._lock = threading.Lock()

    def load(self, digest: str) -> Bundle:
        """The bundle of that digest.

        Raises
        ------
        BundleError
            It is not there, was changed, or was trained for another feature spec.
        """
        with self._lock:
            if digest not in self._kept:
                if len(self._kept) >= _KEPT:
                    del self._kept[next(iter(self._kept))]
                self._kept[digest] = self._read(digest)
            return self._kept[digest]

    def _read(self, digest: str) -> Bundle:
        folder = self._folder / digest
        if not digest.isalnum() or not folder.is_dir():
            message = f"bundle {digest[:12]} is not in the bundle folder; promote it again"
            raise CorruptBundleError(message)
        bundle = Bundle.load(folder, digest=digest, spec_hash=self._spec_hash)
        bundle.contributions(bundle.golden[:1])  # compiled now, not while a caller waits
        return bundle


def serving_bundle(settings: Settings, ledger: Ledger, scenario: Scenario) -> Bundle:
    """The bundle that serves the scenario in a ledger, for a command that looks once.

    Raises
    ------
    NoChampionError
        Nothing was promoted, or nothing that may be used.
    """
    spec_hash = scenario.spec_hash(ledger.profile(scenario.name)[1])
    bundles = Bundles(settings.bundles / scenario.name, spec_hash=spec_hash)
    load = permitted(bundles.load, scenario, sensitive=settings.sensitive_features)
    champion = Champion(ledger, scenario.name, load)
    champion.refresh()
    return champion().bundle


def permitted(load: Load, scenario: Scenario, *, sensitive: bool) -> Load:
    """The same, but for bundles that take a sensitive feature where none is let in."""

    def checked(digest: str) -> Bundle:
        bundle = load(digest)
        taken = scenario.barred(bundle.manifest.model_features, sensitive=sensitive)
        if taken:
            message = (
                f"bundle {digest[:12]} takes {', '.join(taken)}, which is sensitive, and "
                "LIANJING_SENSITIVE_FEATURES is off; train and promote again, or turn it on"
            )
            raise IncompatibleBundleError(message)
        return bundle

    return checked


class Champion:
    """The champion of one scenario.

    Parameters
    ----------
    ledger
        Where deployments are read.
    scenario
        Its name.
    load
        Gives the verified bundle of a digest.
    """

    def __init__(self, ledger: Ledger, scenario: str, load: Load) -> None:
        self._ledger, self._load = ledger, load
        self.scenario = scenario
        self.failure = ""
        self._serving: Serving | None = None
        self._seen: deployments.Deployment | None = None

    def __call__(self) -> Serving:
        """The bundle that serves now.

        Raises
        ------
        NoChampionError
            Nothing was promoted for this scenario, or nothing that may be used.
        """
        serving = self._serving
        if serving is None:
            why = self.failure or "nothing was promoted yet; run `lianjing promote`"
            raise NoChampionError(f"no champion for {self.scenario}: {why}")
        return serving

    @property
    def serving(self) -> Serving | None:
        """The bundle that serves now, or None."""
        return self._serving

    def refresh(self) -> bool:
        """Look for a new deployment; True when the champion was swapped.

        A bundle that cannot be used is tried again at every look, so a repaired one comes to serve.
        """
        deployment = deployments.champion(self._ledger, self.scenario)
        if deployment is None or (deployment == self._seen and not self.failure):
            return False
        try:
            bundle = self._load(deployment.digest)
        except BundleError as error:
            self.failure = str(error)
            return False
        self._seen, self.failure = deployment, ""
        self._serving = Serving(bundle, deployment.digest, deployment.model_version)
        return True
