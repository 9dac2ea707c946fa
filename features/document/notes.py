"""Tables of features in the notes on a scenario: written from what the scenario declares.

Everything else in the notes was written by people and stays as it is. A family of features has a
heading of the third level; the table under it is replaced, and a family without a heading gets one.
"""

import re
from pathlib import Path
from typing import Final

import typer

from features.scenarios import catalog
from features.spec import Feature, Scenario

NOTES: Final = Path(__file__).parents[2] / "notebooks" / "scenarios"
_HEAD: Final = ("| feature | what | source | in the model |", "|---|---|---|---|")
_SECTION: Final = re.compile(r"^## Features\n.*?(?=^## )", re.MULTILINE | re.DOTALL)
_FAMILY: Final = re.compile(r"^### (\w+)\n(.*?)(?=^###? |\Z)", re.MULTILINE | re.DOTALL)
_TABLE: Final = re.compile(r"(^\|.*\n)+", re.MULTILINE)


def with_tables(text: str, scenario: Scenario) -> str:
    r"""The notes with the scenario's features under their families.

    >>> from features.scenarios import catalog
    >>> text = "## Features\n\n### permit\n\nOf permits.\n\n## Rules\n"
    >>> lines = with_tables(text, catalog.load("approvals")).splitlines()
    >>> lines[:7]  # doctest: +NORMALIZE_WHITESPACE
    ['## Features', '', '### permit', '', 'Of permits.', '',
     '| feature | what | source | in the model |']
    >>> lines[-1], "### record" in lines
    ('## Rules', True)

    Raises
    ------
    ValueError
        There is no section of features.
    """
    section = _SECTION.search(text)
    if section is None:
        message = f"the notes on {scenario.name} have no section '## Features' before another"
        raise ValueError(message)
    return text[: section.start()] + _section(section[0], scenario) + text[section.end() :]


def _section(text: str, scenario: Scenario) -> str:
    families: dict[str, list[Feature]] = {}
    for feature in scenario.features:
        families.setdefault(feature.family, []).append(feature)
    first = _FAMILY.search(text)
    parts = [text[: first.start()] if first else text]
    for name, said in _FAMILY.findall(text):
        if name in families:
            parts.append(_family(name, _TABLE.sub("", said).strip(), families.pop(name)))
    parts += [_family(name, "", of) for name, of in families.items()]
    return "".join(parts)


def _family(name: str, said: str, features: list[Feature]) -> str:
    rows = [*_HEAD, *map(_row, features)]
    told = f"{said}\n\n" if said else ""
    return f"### {name}\n\n{told}" + "\n".join(rows) + "\n\n"


def _row(of: Feature) -> str:
    mark = " †" if of.sensitive else ""
    in_model = "yes" if of.in_model else "no"
    return f"| `{of.name}`{mark} | {of.zh} · {of.en} | {of.source} | {in_model} |"


def main() -> None:
    """Write the tables of all shipped scenarios' notes."""
    for name in catalog.NAMES:
        path = NOTES / f"{name}.md"
        path.write_text(with_tables(path.read_text(encoding="utf-8"), catalog.load(name)), "utf-8")


if __name__ == "__main__":
    typer.run(main)
