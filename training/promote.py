"""Promotion: from the registry through the gate into the folder that the service reads.

Exporting comes before deploying, so that a deployment row always names a folder that is there; a
rollback is one more row.

Deployments stack up. A row for another bundle is laid on top; a row for the bundle below the top
takes the top off, since that is what a rollback writes. So a bundle that was rolled back is left
for good unless it is promoted again, and rollbacks go down to the first promotion and no further.
"""

import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from features.contracts.errors import (
    BundleError,
    CorruptBundleError,
    IncompatibleBundleError,
    LianjingError,
    NotFoundError,
)
from features.contracts.settings import Settings
from features.spec import Scenario
from features.store.deployments import Deployment, champion, deploy, deployments
from features.store.ledger import Ledger
from models.bundle import Bundle
from training import track
from training.evaluation import Evaluation
from training.gate import refusals

_HISTORY: Final = 1_000_000
"""Deployments that are read to know what lies below the one that serves: all of them."""


@dataclass(frozen=True, slots=True)
class Promotion:
    """What a promotion or a rollback came to.

    `reasons` say why the gate refused; `notes` what the registry could not follow.
    """

    scenario: str
    model_version: str
    digest: str
    accepted: bool
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def promote(
    settings: Settings, ledger: Ledger, scenario: Scenario, *, by: str, version: str | None = None
) -> Promotion:
    """Let the challenger, or a given version, serve `scenario` if the gate accepts it.

    Raises
    ------
    NotFoundError
        The registry has no such version.
    CorruptBundleError
        What the registry delivered is not what was registered.
    """
    uri = settings.tracking_uri
    found = track.resolve(uri, scenario.name, version or track.CHALLENGER)
    if not found.digest:
        message = f"version {found.model_version} states no digest; train again to register one"
        raise CorruptBundleError(message)
    with tempfile.TemporaryDirectory() as folder:
        fetched = track.fetch(uri, scenario.name, found.model_version, Path(folder))
        bundle = Bundle.load(fetched, digest=found.digest)
        reasons = _refusals(settings, ledger, scenario, bundle=bundle, candidate=found)
        if not reasons:
            export(bundle, bundle_folder(settings, scenario.name, found.digest))
    promotion = Promotion(
        scenario=scenario.name,
        model_version=found.model_version,
        digest=found.digest,
        accepted=not reasons,
        reasons=reasons,
    )
    return _deploy(settings, ledger, promotion, by=by) if promotion.accepted else promotion


def rollback(settings: Settings, ledger: Ledger, scenario: Scenario, *, by: str) -> Promotion:
    """Let the bundle below the present one in the stack serve again, once it verifies.

    Raises
    ------
    NotFoundError
        Nothing lies below it.
    CorruptBundleError
        The earlier bundle's folder is damaged; the present one goes on serving.
    IncompatibleBundleError
        It takes a sensitive feature where none is let in; the present one goes on serving.
    """
    before = _before(deployments(ledger, scenario.name, limit=_HISTORY))
    if before is None:
        raise NotFoundError(f"{scenario.name}: nothing served before; promote another version")
    folder = bundle_folder(settings, scenario.name, before.digest)
    takes = Bundle.load(folder, digest=before.digest).manifest.model_features
    if barred := scenario.barred(takes, sensitive=settings.sensitive_features):
        raise IncompatibleBundleError(
            f"{scenario.name}: version {before.model_version} takes {', '.join(barred)}, which is "
            "sensitive, and LIANJING_SENSITIVE_FEATURES is off; turn it on, or promote another"
        )
    promotion = Promotion(
        scenario=scenario.name,
        model_version=before.model_version,
        digest=before.digest,
        accepted=True,
    )
    return _deploy(settings, ledger, promotion, by=by)


def bundle_folder(settings: Settings, scenario: str, digest: str) -> Path:
    """Where the bundle of that digest is kept once promoted."""
    return settings.bundles / scenario / digest


def export(bundle: Bundle, folder: Path) -> None:
    """Write the bundle to `folder`, all or nothing; a sound one already there is left alone."""
    if folder.exists():
        try:
            Bundle.load(folder, digest=bundle.digest)
        except BundleError:
            shutil.rmtree(folder)
        else:
            return
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".part-"))
    try:
        bundle.save(part)
        part.chmod(0o755)
        part.rename(folder)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def _refusals(
    settings: Settings,
    ledger: Ledger,
    scenario: Scenario,
    *,
    bundle: Bundle,
    candidate: track.Tracked,
) -> tuple[str, ...]:
    _, calendar = ledger.profile(scenario.name)
    uri = settings.tracking_uri
    return refusals(
        bundle,
        track.fetch_evaluation(uri, candidate.run_id),
        spec_hash=scenario.spec_hash(calendar),
        champion=_champion_evaluation(uri, champion(ledger, scenario.name)),
        barred=scenario.barred(
            bundle.manifest.model_features, sensitive=settings.sensitive_features
        ),
    )


def _champion_evaluation(uri: str, serving: Deployment | None) -> Evaluation | None:
    """The evaluation of what serves; None where nothing does or the registry was started anew."""
    if serving is None:
        return None
    try:
        registered = track.resolve(uri, serving.scenario, serving.model_version)
    except NotFoundError:
        return None
    if registered.digest != serving.digest:
        return None
    return track.fetch_evaluation(uri, registered.run_id)


def _deploy(settings: Settings, ledger: Ledger, promotion: Promotion, *, by: str) -> Promotion:
    """Write the row that serving polls, then let the registry's alias follow.

    The row decides. A registry that does not answer cannot stop a rollback; that is noted.
    """
    name, version = promotion.scenario, promotion.model_version
    deploy(ledger, name, digest=promotion.digest, model_version=version, by=by)
    try:
        track.alias(settings.tracking_uri, name, version, name=track.CHAMPION)
    except LianjingError as error:
        note = f"it serves, but the registry's champion alias did not follow: {error}"
        return replace(promotion, notes=(note,))
    return promotion


def _before(history: list[Deployment]) -> Deployment | None:
    """What lies below the deployment that serves; `history` comes newest first.

    >>> a, b, c = (Deployment(at, "payouts", name, name, 0, "ann") for at, name in enumerate("abc"))
    >>> _before([c, b, a]).digest, _before([b, c, b, a]).digest, _before([a, b, c, b, a])
    ('b', 'a', None)
    """
    stack: list[Deployment] = []
    for item in reversed(history):
        if [below.digest for below in stack[-2:-1]] == [item.digest]:
            stack.pop()
        elif not stack or stack[-1].digest != item.digest:
            stack.append(item)
    return stack[-2] if len(stack) > 1 else None
