"""A scenario in a file outside the package: one Python file that declares SCENARIO.

Reading it executes it, with all that its author may do on this machine. Who names a file is
therefore the operator (a setting or an argument of the command line), never a caller of the API.
"""

import re
import runpy
import traceback
from pathlib import Path
from typing import Final

from features.contracts.errors import DeclarationError, LianjingError
from features.spec import Scenario

_NAME: Final = re.compile(r"^[a-z][a-z0-9_]{0,63}$")


def read(path: Path) -> Scenario:
    """The scenario that the file at `path` declares.

    Raises
    ------
    DeclarationError
        It cannot be read, fails when it is executed, or declares no scenario; the message names
        file and line.

    >>> read(Path("no/such/council.py"))
    Traceback (most recent call last):
    features.contracts.errors.DeclarationError: no/such/council.py: no such file; name a Python file
    that declares SCENARIO
    """
    if not path.is_file():
        message = f"{path}: no such file; name a Python file that declares SCENARIO"
        raise DeclarationError(message)
    found = _executed(path).get("SCENARIO")
    if not isinstance(found, Scenario):
        message = f"{path} declares no SCENARIO; end it with SCENARIO = Scenario(name=..., ...)"
        raise DeclarationError(message)
    if not _NAME.match(found.name):
        message = (
            f"{path}: a scenario cannot be called {found.name!r}; take lower-case letters, digits "
            "and underscores, a letter first"
        )
        raise DeclarationError(message)
    return found


def _executed(path: Path) -> dict[str, object]:
    """What the file defines."""
    try:
        return runpy.run_path(str(path), run_name=f"lianjing_scenario_{path.stem}")
    except LianjingError as error:
        message = f"{path}{_line(path, error)}: {error}"
        raise DeclarationError(message) from error
    except SyntaxError as error:
        message = f"{path}, line {error.lineno}: {error.msg}"
        raise DeclarationError(message) from error
    except Exception as error:
        message = f"{path}{_line(path, error)}: {type(error).__name__}: {error}"
        raise DeclarationError(message) from error


def _line(path: Path, error: Exception) -> str:
    """Where in the file the error arose."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(path)]
    return f", line {lines[-1]}" if lines else ""
