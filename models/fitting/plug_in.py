"""A subject for the checks from outside: a file or module of somebody else's."""

import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from features.contracts.errors import InputError, UnreadableSourceError
from models.checks import Subject


def load_subject(place: str) -> Subject:
    """The `Subject` at `path.py:OBJECT` or `package.module:OBJECT`, or what calling OBJECT gives.

    The file is executed: name only files that you would run.

    Raises
    ------
    InputError
        There is no such file, module or object, or it is no subject.
    """
    path, _, name = place.rpartition(":")
    if not path or not name:
        raise InputError(f"{place!r} is neither a detector nor FILE.py:OBJECT")
    module = _from_file(Path(path)) if path.endswith(".py") else _from_name(path)
    found = getattr(module, name, None)
    made = found() if callable(found) else found
    if not isinstance(made, Subject):
        raise InputError(
            f"{place}: {name!r} is no models.checks.Subject, nor a function that gives one"
        )
    return made


def _from_name(name: str) -> ModuleType:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise InputError(f"{name}: no module {error.name!r}; name one on the path") from error


def _from_file(path: Path) -> ModuleType:
    spec = spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise UnreadableSourceError(f"{path}: no such Python file")
    module = module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)  # a dataclass looks itself up there
    spec.loader.exec_module(module)
    return module
