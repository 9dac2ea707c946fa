"""The declared dependencies are those that the code imports, no more and no fewer."""

import ast
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib import metadata
from itertools import chain
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT: Final = Path(__file__).parents[2]
PACKAGES: Final = ("features", "models", "training", "serving")
PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS: Final = ("train", "postgres", "cluster")
THROUGH_OTHERS: Final = {"starlette"}
"""FastAPI hands it on as its own."""


def declared(requirements: Iterable[str]) -> set[str]:
    return {canonicalize_name(Requirement(text).name) for text in requirements}


def imports(path: Path) -> Iterator[str]:
    """The packages of others that a file imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


def imported() -> dict[str, set[str]]:
    """What the code imports of others, and the distributions that bring it."""
    providers = metadata.packages_distributions()
    paths = (path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    names = {name for path in paths if "node_modules" not in path.parts for name in imports(path)}
    names -= {*sys.stdlib_module_names, *PACKAGES}
    return {name: {canonicalize_name(one) for one in providers[name]} for name in names}


def test_what_is_imported_is_declared() -> None:
    """An installation with these extras has everything that any module asks for."""
    extras = (PROJECT["optional-dependencies"][name] for name in EXTRAS)
    here = declared([*PROJECT["dependencies"], *chain(*extras)]) | THROUGH_OTHERS
    assert [name for name, bringers in imported().items() if not bringers & here] == []


def test_what_the_command_line_talks_http_with_is_no_tool_of_developers() -> None:
    """`lianjing score` works where only the project itself is installed."""
    assert "httpx" in declared(PROJECT["dependencies"])


def test_what_is_declared_is_imported() -> None:
    """Nothing is installed for nothing."""
    used = set().union(*imported().values())
    assert declared(PROJECT["dependencies"]) - used == set()
    for name in EXTRAS:
        assert declared(PROJECT["optional-dependencies"][name]) - used == set()
