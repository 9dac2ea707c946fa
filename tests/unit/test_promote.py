"""Promotion: only a sound bundle for the present features serves; the way back is one row."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from features.contracts.errors import (
    CorruptBundleError,
    IncompatibleBundleError,
    LianjingError,
    NotFoundError,
)
from features.contracts.settings import Settings
from features.scenarios import catalog
from features.store.deployments import champion, deploy, deployments
from features.store.ledger import Ledger
from models.bundle import Bundle
from training import track
from training.evaluate import evaluate
from training.evaluation import Arm, Rate, Truth
from training.fit import fit
from training.gate import refusals
from training.promote import bundle_folder, export, promote, rollback

CREATED = datetime(2026, 1, 1, tzinfo=UTC)
SCENARIO = catalog.load("payouts")


class Boastful:
    """An ensemble whose contributions claim one more than the score."""

    def __init__(self, honest):
        self.honest = honest

    def __getattr__(self, name):
        return getattr(self.honest, name)

    def contributions(self, x):
        base, parts = self.honest.contributions(x)
        return base + 1, parts


def found(evaluation, *, planted, cases):
    """The evaluation with fifty planted cases and a hundred reviews by the model."""
    arm = Arm(
        name="model",
        n_reviews=100,
        n_cases=cases,
        precision=Rate.of(planted, 100),
        n_lookalike_rows=0,
        n_lookalike_cases=0,
    )
    truth = Truth(
        n_cases=50,
        n_planted_rows=200,
        n_lookalike_cases=0,
        arms=(arm,),
        curve=(),
        recalls=(),
        explained=Rate.of(0, 0),
    )
    return evaluation.model_copy(update={"truth": truth})


def quiet(evaluation):
    """The evaluation with as many alerts as the budget pays for."""
    rate = evaluation.alert_rate.model_copy(update={"low": 0.0, "high": 1.0})
    return evaluation.model_copy(update={"alert_rate": rate, "volumes": ()})


@pytest.fixture(scope="module")
def registry(tmp_path_factory, make_table):
    """A registry with three versions; the third was fitted for other features."""
    settings = Settings(home=tmp_path_factory.mktemp("home"))
    spec_hash = SCENARIO.spec_hash(Ledger.in_memory().profile("payouts")[1])
    table = replace(make_table(600, 4), spec_hash=spec_hash)
    found = []
    tables = (table, replace(table, currency="HKD"), replace(table, spec_hash="0" * 64))
    fits = [fit(each, created_at=CREATED, budget=0.02) for each in tables]
    evaluations = [evaluate(*pair) for pair in zip(fits, tables, strict=True)]
    for fitted, evaluation in zip(fits, evaluations, strict=True):
        uri = settings.tracking_uri
        found.append(track.track(fitted, evaluation, [], uri=uri, experiment="payouts"))
    return settings, found, fits[-1], evaluations[-1]


@pytest.fixture
def settings(registry, tmp_path):
    """The registry's settings with a home of the test's own."""
    return Settings(home=tmp_path, mlflow_uri=registry[0].tracking_uri)


@pytest.fixture
def ledger():
    return Ledger.in_memory()


def test_a_sound_bundle_serves(registry, settings, ledger):
    """It is exported by digest, a row says so, and the registry's champion follows."""
    first = registry[1][0]
    promotion = promote(settings, ledger, SCENARIO, by="ann", version=first.model_version)
    assert promotion.accepted
    assert promotion.digest == first.digest
    folder = bundle_folder(settings, "payouts", first.digest)
    assert Bundle.load(folder, digest=first.digest).digest == first.digest
    serving = champion(ledger, "payouts")
    assert serving is not None
    assert (serving.digest, serving.model_version, serving.by) == (first.digest, "1", "ann")
    assert track.resolve(settings.tracking_uri, "payouts", track.CHAMPION) == first


def test_the_challenger_is_what_was_trained_last(registry, settings, ledger):
    """Without a version the challenger is meant; trained for other features, it is refused."""
    promotion = promote(settings, ledger, SCENARIO, by="ann")
    assert promotion.digest == registry[1][2].digest
    assert not promotion.accepted
    assert "train again" in promotion.reasons[0]
    assert champion(ledger, "payouts") is None
    assert not settings.bundles.exists()


def test_a_corrupted_bundle_never_serves(settings, ledger, monkeypatch):
    """One flipped byte in what the registry delivers stops the promotion."""
    fetch = track.fetch

    def damaged(*arguments):
        folder = fetch(*arguments)
        content = bytearray((folder / "arrays.npz").read_bytes())
        content[len(content) // 2] ^= 1
        (folder / "arrays.npz").write_bytes(bytes(content))
        return folder

    monkeypatch.setattr(track, "fetch", damaged)
    with pytest.raises(CorruptBundleError):
        promote(settings, ledger, SCENARIO, by="ann", version="1")
    assert champion(ledger, "payouts") is None


def test_a_rollback_lets_the_bundle_before_serve_again(registry, settings, ledger):
    """Two promotions and a rollback are three rows; nothing is rewritten."""
    for version in ("1", "2"):
        promote(settings, ledger, SCENARIO, by="ann", version=version)
    back = rollback(settings, ledger, SCENARIO, by="bo")
    assert back.digest == registry[1][0].digest
    assert [row.model_version for row in deployments(ledger, "payouts")] == ["1", "2", "1"]
    serving = champion(ledger, "payouts")
    assert serving is not None
    assert serving.by == "bo"


def test_rollbacks_go_down_and_never_forward_again(registry, settings, ledger):
    """Of three promoted bundles the second serves, then the first; below it there is none."""
    third = Bundle.load(track.fetch(settings.tracking_uri, "payouts", "3", settings.home / "3"))
    for version in ("1", "2"):
        promote(settings, ledger, SCENARIO, by="ann", version=version)
    export(third, bundle_folder(settings, "payouts", third.digest))
    deploy(ledger, "payouts", digest=third.digest, model_version="3", by="ann")

    served = [rollback(settings, ledger, SCENARIO, by="bo").model_version for _ in range(2)]
    assert served == ["2", "1"]
    with pytest.raises(NotFoundError, match="nothing served before"):
        rollback(settings, ledger, SCENARIO, by="bo")
    serving = champion(ledger, "payouts")
    assert serving is not None
    assert serving.digest == registry[1][0].digest


def test_what_was_left_is_not_what_lies_below_a_later_promotion(settings, ledger):
    """After 1, 2 and back to 1, promoting 1 again changes nothing; 2 may be promoted anew."""
    for version in ("1", "2"):
        promote(settings, ledger, SCENARIO, by="ann", version=version)
    rollback(settings, ledger, SCENARIO, by="bo")
    promote(settings, ledger, SCENARIO, by="ann", version="1")
    with pytest.raises(NotFoundError):
        rollback(settings, ledger, SCENARIO, by="bo")
    promote(settings, ledger, SCENARIO, by="ann", version="2")
    assert rollback(settings, ledger, SCENARIO, by="bo").model_version == "1"


def test_a_rollback_needs_a_sound_bundle(registry, settings, ledger):
    """A damaged folder is not served again; what serves goes on serving."""
    for version in ("1", "2"):
        promote(settings, ledger, SCENARIO, by="ann", version=version)
    folder = bundle_folder(settings, "payouts", registry[1][0].digest)
    (folder / "manifest.json").write_text("{}")
    with pytest.raises(CorruptBundleError):
        rollback(settings, ledger, SCENARIO, by="bo")
    serving = champion(ledger, "payouts")
    assert serving is not None
    assert serving.model_version == "2"


@pytest.fixture
def of_persons(monkeypatch):
    """Every bundle of the scenario takes one sensitive measure."""
    monkeypatch.setattr(
        type(SCENARIO), "barred", lambda *_, sensitive: () if sensitive else ("f0",)
    )


@pytest.mark.usefixtures("of_persons")
def test_a_bundle_that_takes_a_measure_of_persons_serves_where_it_is_let_in(settings, ledger):
    """The service would refuse it too, after the row was written."""
    refused = promote(settings, ledger, SCENARIO, by="ann", version="1")
    assert not refused.accepted
    assert "takes f0, which is sensitive" in refused.reasons[0]
    assert champion(ledger, "payouts") is None

    open_to_them = settings.model_copy(update={"sensitive_features": True})
    assert promote(open_to_them, ledger, SCENARIO, by="ann", version="1").accepted


@pytest.mark.usefixtures("of_persons")
def test_no_rollback_leads_to_measures_of_persons_that_were_turned_off(settings, ledger):
    """What serves goes on serving."""
    open_to_them = settings.model_copy(update={"sensitive_features": True})
    for version in ("1", "2"):
        promote(open_to_them, ledger, SCENARIO, by="ann", version=version)
    with pytest.raises(IncompatibleBundleError, match=r"version 1 takes f0.*promote another"):
        rollback(settings, ledger, SCENARIO, by="bo")
    serving = champion(ledger, "payouts")
    assert serving is not None
    assert serving.model_version == "2"


def test_a_rollback_does_not_need_the_registry(settings, ledger, monkeypatch):
    """With the registry gone the row is still written; that the alias did not follow is noted."""
    for version in ("1", "2"):
        promote(settings, ledger, SCENARIO, by="ann", version=version)

    def down(*_arguments, **_names):
        raise LianjingError("the tracking store refused: no answer")

    monkeypatch.setattr(track, "alias", down)
    back = rollback(settings, ledger, SCENARIO, by="bo")
    assert back.accepted
    assert "did not follow" in back.notes[0]
    serving = champion(ledger, "payouts")
    assert serving is not None
    assert serving.model_version == "1"


def test_nothing_to_roll_back_to(settings, ledger):
    """Before a second promotion there is no way back."""
    with pytest.raises(NotFoundError, match="nothing served before"):
        rollback(settings, ledger, SCENARIO, by="bo")


def test_a_damaged_export_is_replaced(registry, tmp_path):
    """Promoting again heals a folder whose bytes are not what they were."""
    bundle = registry[2].bundle
    export(bundle, tmp_path / "b")
    (tmp_path / "b" / "manifest.json").write_text("{}")
    export(bundle, tmp_path / "b")
    assert Bundle.load(tmp_path / "b").digest == bundle.digest
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_the_gate_states_all_reasons(registry):
    """Other features, a broken promise, too many alerts and a better champion, all at once."""
    _, _, fitted, evaluation = registry
    rate = evaluation.alert_rate.model_copy(update={"rate": 0.3, "low": 0.2, "high": 0.4})
    few = found(evaluation, planted=20, cases=10)
    loud = few.model_copy(update={"alert_rate": rate, "volumes": ()})
    champion_found = found(evaluation, planted=80, cases=40)
    broken = replace(fitted.bundle, ensemble=Boastful(fitted.bundle.ensemble))
    reasons = refusals(broken, loud, spec_hash="9" * 64, champion=champion_found)
    assert [reason.split(":")[0] for reason in reasons] == [
        f"trained for features {'0' * 12}, present ones are {'9' * 12}",
        "on its golden rows",
        "flags 30.00% of events with a budget of 2.00%",
        "reviews that find something planted",
        "planted cases found",
    ]
    assert "contributions add up to the score does not hold" in reasons[1]
    assert "20.0%, the champion's 80.0%: worse beyond both intervals" in reasons[3]


@pytest.mark.parametrize(
    ("planted", "cases", "n_reasons"),
    [(80, 40, 0), (75, 38, 0), (20, 40, 1), (80, 10, 1), (99, 50, 0)],
)
def test_the_gate_compares_with_the_champion(registry, planted, cases, n_reasons):
    """Worse beyond both intervals in one of the two is enough; a little worse is not."""
    _, _, fitted, evaluation = registry
    reasons = refusals(
        fitted.bundle,
        quiet(found(evaluation, planted=planted, cases=cases)),
        spec_hash=fitted.bundle.manifest.spec_hash,
        champion=found(evaluation, planted=80, cases=40),
    )
    assert len(reasons) == n_reasons


def test_without_planted_cases_nothing_is_compared(registry):
    """On real data neither evaluation knows what there was to find."""
    _, _, fitted, evaluation = registry
    spec_hash = fitted.bundle.manifest.spec_hash
    better = found(evaluation, planted=80, cases=40)
    worse = found(evaluation, planted=1, cases=1)
    pairs = [(evaluation, better), (worse, evaluation), (worse, None)]
    for own, other in pairs:
        assert not refusals(fitted.bundle, quiet(own), spec_hash=spec_hash, champion=other)


def test_the_better_champion_is_found_in_the_registry(registry, settings, ledger, monkeypatch):
    """What a promotion compares with is the evaluation that the champion was registered with."""
    _, versions, _, evaluation = registry
    told = {
        versions[0].run_id: quiet(found(evaluation, planted=80, cases=40)),
        versions[1].run_id: quiet(found(evaluation, planted=20, cases=40)),
    }
    monkeypatch.setattr(track, "fetch_evaluation", lambda _uri, run_id: told[run_id])
    assert promote(settings, ledger, SCENARIO, by="ann", version="1").accepted
    second = promote(settings, ledger, SCENARIO, by="ann", version="2")
    assert not second.accepted
    assert "the champion's 80.0%" in second.reasons[0]


def test_the_gate_refuses_a_silent_model(registry):
    """A model that flags next to nothing would waste the budget."""
    _, _, fitted, evaluation = registry
    rate = evaluation.alert_rate.model_copy(update={"rate": 0.0, "low": 0.0, "high": 0.001})
    silent = evaluation.model_copy(update={"alert_rate": rate, "volumes": ()})
    reasons = refusals(fitted.bundle, silent, spec_hash=fitted.bundle.manifest.spec_hash)
    assert "less than" in reasons[0]
