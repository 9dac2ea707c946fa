"""Plain top-level packages: the hazards of their names, each with its guard."""

import ast
import importlib
import os
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import pytest

ROOT: Final = Path(__file__).parents[2]
PACKAGES: Final = ("features", "models", "training", "serving")
OPENS_FILES: Final = """
import sys
from pathlib import Path
import features
from features.sources.mapping import Mapping
from features.store.ledger import Ledger
Ledger.open(Path(sys.argv[1]) / "ledger.db").close()
Mapping.load("oxford_payments")
print(features.__file__)
"""


def _project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def _sources() -> Iterator[Path]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "node_modules" not in path.parts:
                yield path


@pytest.mark.parametrize("package", PACKAGES)
def test_no_other_distribution_installs_a_package_of_our_name(package: str) -> None:
    """Two distributions with a `models` would overwrite each other."""
    assert set(metadata.packages_distributions().get(package, [])) <= {"lianjing"}


@pytest.mark.parametrize("package", PACKAGES)
def test_what_is_imported_is_what_lies_here(package: str) -> None:
    """A folder of the same name elsewhere on the path does not win."""
    module = importlib.import_module(package)

    assert module.__file__ is not None
    assert Path(module.__file__).resolve() == ROOT / package / "__init__.py"


def test_every_package_is_declared_and_typed() -> None:
    """The wheel's list is the list of packages, and each carries its types."""
    here = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    wheel = _project()["tool"]["hatch"]["build"]["targets"]["wheel"]

    assert here == set(wheel["packages"]) == set(PACKAGES)
    assert all((ROOT / package / "py.typed").is_file() for package in PACKAGES)


def test_no_test_folder_is_a_package() -> None:
    """`tests/features/__init__.py` would shadow `features`."""
    assert list((ROOT / "tests").rglob("__init__.py")) == []
    assert not {path.name for path in (ROOT / "tests").iterdir()} & set(PACKAGES)


def test_nothing_pickles() -> None:
    """No module loads a pickler, and no model is logged with its code."""
    picklers = {"pickle", "joblib", "cloudpickle", "dill", "shelve", "marshal"}
    for path in _sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                assert not picklers & {alias.name.split(".")[0] for alias in node.names}, path
            elif isinstance(node, ast.ImportFrom):
                assert (node.module or "").split(".")[0] not in picklers, path
            elif isinstance(node, ast.keyword):
                assert node.arg != "code_paths", path
                assert node.arg != "allow_pickle" or not getattr(node.value, "value", True), path


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    built = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(built, check=True, cwd=ROOT, capture_output=True)
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_the_four_packages_and_nothing_else(wheel: Path) -> None:
    """No tests, no notebooks, no JavaScript modules; every data file of the packages."""
    names = zipfile.ZipFile(wheel).namelist()
    roots = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    data = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and not {"node_modules", "__pycache__", "vendor"} & set(path.parts)
    }

    assert roots == set(PACKAGES)
    assert not [name for name in names if "node_modules" in name or "__pycache__" in name]
    assert data <= set(names)


def test_what_is_in_the_wheel_works_elsewhere(wheel: Path, tmp_path: Path) -> None:
    """Migrations and mappings are found beside the code, wherever that lies."""
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    done = subprocess.run(
        [sys.executable, "-c", OPENS_FILES, str(tmp_path)],
        check=True,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
    )

    assert Path(done.stdout.strip()) == tmp_path / "site" / "features" / "__init__.py"


def test_the_command_is_installed() -> None:
    """`lianjing` is the one console script, and it is there to be called."""
    scripts = _project()["project"]["scripts"]
    found = metadata.entry_points(group="console_scripts", name="lianjing")

    assert scripts == {"lianjing": "serving.cli:main"}
    assert [point.value for point in found] == ["serving.cli:main"]
    assert callable(next(iter(found)).load())


def test_the_lock_names_no_host_and_hashes_everything() -> None:
    """What is installed is what was checked, wherever it is fetched from."""
    lock = (ROOT / "requirements.lock").read_text()
    pinned = [line for line in lock.splitlines() if line[:1].isalnum()]

    assert pinned
    assert all("==" in line for line in pinned)
    assert lock.count("--hash=sha256:") >= len(pinned)
    assert "://" not in lock
