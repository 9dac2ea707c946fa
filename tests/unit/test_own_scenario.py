"""A scenario's own file: named by a path or by a setting, never by a caller of the service."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from features.contracts.errors import DeclarationError, UnknownScenarioError
from features.contracts.settings import Settings
from features.scenarios import catalog
from features.store.ledger import Ledger
from serving.opening import all_posts
from serving.store.timeline import MAIN_FIELDS, _main_fields

TEXT: Final = """
from features.contracts.events import EventField
from features.spec import Feature, Scenario, Window

SCENARIO = Scenario(
    name="grants", zh="补助", en="grants",
    kinds=("granted",), scored=("granted",), history=("granted",),
    subject="school", amount="amount_minor", peer_group="sort",
    fields=(
        EventField(name="school", kind="key", title_zh="学校", title_en="school"),
        EventField(name="sort", kind="category", title_zh="类别", title_en="sort"),
        EventField(name="amount_minor", kind="money", title_zh="金额", title_en="amount"),
    ),
    measures=(),
    features=(
        Feature(Window(("school",), "count", days=30), "次数", "grants", "频繁", "many"),
    ),
)
"""


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Path]:
    """A scenario's file; what was enrolled is forgotten afterwards."""
    path = tmp_path / "grants.py"
    path.write_text(TEXT, encoding="utf-8")
    yield path
    catalog.dismiss("grants")


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Callable[..., tuple[int, str, str]]
) -> Callable[..., tuple[int, str]]:
    """`run("scenarios", "list")`: exit code and what was printed."""
    monkeypatch.setenv("LIANJING_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")

    def ran(*words: object) -> tuple[int, str]:
        code, out, err = command(*words)
        return code, out + err

    return ran


def test_a_file_joins_the_catalogue_by_its_name(own: Path) -> None:
    """It is loaded by name from then on, and its place is known."""
    with pytest.raises(UnknownScenarioError):
        catalog.load("grants")

    assert catalog.enrol([own]) == ("grants",)
    assert catalog.load("grants").subject == "school"
    assert catalog.place("grants") == own.resolve()
    assert catalog.names()[-1] == "grants"


def test_a_file_that_changed_is_read_again(own: Path) -> None:
    """The same path under the same name is no conflict; another path is."""
    catalog.enrol([own])
    own.write_text(TEXT.replace("days=30", "days=60"), encoding="utf-8")
    catalog.enrol([own])

    assert list(catalog.load("grants").by_name) == ["n_60d_by_school"]
    other = own.with_name("other.py")
    other.write_text(TEXT, encoding="utf-8")
    with pytest.raises(DeclarationError, match=r"'grants' is taken by .*grants\.py"):
        catalog.enrol([other])


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("SCENARIO = 1", "declares no SCENARIO"),
        ("x = (", "line 1: '\\(' was never closed"),
        ("\nraise KeyError('x')", "grants.py, line 2: KeyError: 'x'"),
        (TEXT.replace('"school", amount', '"pupil", amount'), "line 5: grants: the subject is"),
        (TEXT.replace('name="grants"', 'name="payouts"'), "is a shipped scenario's"),
        (TEXT.replace('name="grants"', 'name="g; DROP"'), "cannot be called 'g; DROP'"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_line(own: Path, text: str, what: str) -> None:
    """Whatever a file does wrong is one error of ours."""
    own.write_text(text, encoding="utf-8")
    with pytest.raises(DeclarationError, match=what):
        catalog.enrol([own])


def test_loading_never_reads_a_file(own: Path) -> None:
    """A path is no name; what a caller names is looked up and nothing else."""
    with pytest.raises(UnknownScenarioError):
        catalog.load(str(own))


def test_the_setting_names_files(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several between commas."""
    monkeypatch.setenv("LIANJING_SCENARIOS", f"{own}, other.py")

    assert Settings().scenarios == (own, Path("other.py"))
    assert Settings(scenarios=(own,)).scenarios == (own,)


def test_commands_take_a_file_or_the_name_that_the_setting_knows(
    own: Path, run: Callable[..., tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever command it is."""
    assert "n_30d_by_school" in run("features", "list", own)[1]
    catalog.dismiss("grants")
    assert run("features", "list", "grants")[0] == 1
    monkeypatch.setenv("LIANJING_SCENARIOS", str(own))

    assert "n_30d_by_school" in run("features", "list", "grants")[1]
    assert f'"from": "{own}"' in run("scenarios", "list", "--json")[1]
    code, told = run("scenarios", "check", own)
    assert (code, "grants: 1 features of 3 fields" in told) == (0, True)


def test_the_service_opens_a_post_for_it(own: Path, tmp_path: Path) -> None:
    """Beside the shipped ones, with an index by which its subject's timeline is found."""
    catalog.enrol([own])
    ledger = Ledger.open(tmp_path / "ledger.db")
    posts = all_posts(Settings(home=tmp_path), ledger, ledger)
    found = ledger.connection.execute(
        "SELECT name FROM sqlite_master WHERE name = 'event_grants_school'"
    )

    assert list(posts) == [*catalog.NAMES, "grants"]
    assert found.fetchone() is not None
    ledger.close()


def test_a_record_shows_the_keys_of_its_event(own: Path) -> None:
    """Of a scenario of which the console knows nothing, its first keys."""
    catalog.enrol([own])

    assert "grants" not in MAIN_FIELDS
    assert _main_fields("grants", {"school": "A", "sort": "B"}) == (("学校", "school", "A"),)
