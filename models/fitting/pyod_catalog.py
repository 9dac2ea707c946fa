"""Every public PyOD detector by name, and why some of them cannot be used here.

The list is read from PyOD's own sources, not kept here: a detector of a later version is found, and
one whose library is not installed is still named, with the library.
"""

import ast
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import pyod.models

from features.contracts.errors import InputError

_ROOT: Final = "BaseDetector"
_COMMON: Final = frozenset({"base", "base_dl", "sklearn_base"})
"""Modules that every detector imports, and whose optional imports say nothing of it."""


@dataclass(frozen=True, slots=True)
class PyodEntry:
    """One detector: its class name, its module, and the libraries that it lacks."""

    name: str
    module: str
    lacks: tuple[str, ...] = ()

    @property
    def reason(self) -> str:
        """Why it cannot be used, or nothing."""
        return f"needs {', '.join(self.lacks)}, not installed" if self.lacks else ""

    def load(self) -> type[Any]:
        """The class.

        Raises
        ------
        InputError
            A library is missing.
        """
        if self.lacks:
            raise self._lacking(self.lacks[0])
        try:
            module = import_module(f"pyod.models.{self.module}")
        except ImportError as error:
            raise self._lacking(error.name) from error
        found: type[Any] = getattr(module, self.name)
        return found

    def _lacking(self, library: str | None) -> InputError:
        return InputError(
            f"PyOD's {self.name!r} needs the library {library!r}; install it or take another"
        )


@cache
def catalogue() -> Mapping[str, PyodEntry]:
    """All public detectors of the installed PyOD, by class name.

    >>> catalogue()["IForest"].reason, catalogue()["VAE"].reason
    ('', 'needs torch, not installed')
    """
    trees = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in _sources()}
    kinds = _descendants(trees)
    found: dict[str, PyodEntry] = {}
    for module, tree in trees.items():
        for item in tree.body:
            if isinstance(item, ast.ClassDef) and item.name in kinds and item.name not in found:
                lacks = tuple(name for name in _libraries(module, trees) if not _is_there(name))
                found[item.name] = PyodEntry(item.name, module, lacks)
    return MappingProxyType(dict(sorted(found.items())))


def _sources() -> Iterator[tuple[str, Path]]:
    """Modules of PyOD's detectors with their files; a new form of one comes after it."""
    for module in sorted(pkgutil.iter_modules(pyod.models.__path__), key=lambda each: each.name):
        yield module.name, Path(pyod.models.__path__[0]) / f"{module.name}.py"


def _descendants(trees: Mapping[str, ast.Module]) -> frozenset[str]:
    """Public classes that come from PyOD's base class, directly or not, but for further bases."""
    parents = {
        item.name: {ast.unparse(base).split(".")[-1] for base in item.bases}
        for tree in trees.values()
        for item in tree.body
        if isinstance(item, ast.ClassDef)
    }
    known = {_ROOT}
    while more := {name for name, bases in parents.items() if bases & known} - known:
        known |= more
    return frozenset(name for name in known if not name.startswith(("_", "Base")))


def _libraries(module: str, trees: Mapping[str, ast.Module]) -> list[str]:
    """Top-level packages that a module imports, itself or through another one of the folder."""
    found: dict[str, None] = {}
    waiting, seen = [module], set(_COMMON)
    while waiting:
        name = waiting.pop()
        seen.add(name)
        for item in ast.walk(trees[name]):
            if isinstance(item, ast.Import):
                found |= dict.fromkeys(alias.name.split(".")[0] for alias in item.names)
            elif isinstance(item, ast.ImportFrom) and item.level == 0 and item.module:
                found[item.module.split(".")[0]] = None
            elif isinstance(item, ast.ImportFrom) and item.module and item.module in trees:
                waiting += [item.module] if item.module not in seen else []
                found |= {"torch": None} if item.module == "base_dl" else {}
    return list(found)


@cache
def _is_there(library: str) -> bool:
    return find_spec(library) is not None
