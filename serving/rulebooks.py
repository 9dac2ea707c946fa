"""The fixed rules that verdicts were given by, kept by their hash for replay to ask again."""

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from features.contracts.errors import InputError
from features.spec import Rule, Scenario

_RULES: Final = TypeAdapter(tuple[Rule, ...])


def keep(folder: Path, scenario: Scenario) -> Path:
    """Write the scenario's rules to `<folder>/<hash>.json`, all or nothing, where they are not yet.

    >>> import tempfile
    >>> from features.scenarios import catalog
    >>> with tempfile.TemporaryDirectory() as home:
    ...     place = keep(Path(home), catalog.load("payouts"))
    ...     rules = kept(Path(home), place.stem)
    >>> [rule.name for rule in rules][:2]
    ['duplicate_benefit', 'check_missing']
    """
    place = folder / f"{scenario.rules_hash}.json"
    if not place.exists():
        folder.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(dir=folder, prefix=".part-")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(scenario.rules_text)
        Path(part).chmod(0o644)
        Path(part).replace(place)
    return place


def kept(folder: Path, rules_hash: str) -> tuple[Rule, ...] | None:
    """The rules of that hash; None where they were not kept.

    Raises
    ------
    InputError
        The file was changed.
    """
    place = folder / f"{rules_hash}.json"
    if not place.is_file():
        return None
    text = place.read_bytes()
    if hashlib.sha256(text).hexdigest() != rules_hash:
        raise InputError(f"{place}: these rules were changed; restore the file from a backup")
    return _RULES.validate_json(text)
