"""Arguments and options that several commands share."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import typer

from features.contracts.errors import InputError
from serving.cli.setting import known

Scenario = Annotated[
    str, typer.Argument(help="a scenario's name, or its Python file", callback=known)
]
ScenarioFile = Annotated[
    str,
    typer.Option(
        "--scenario", help="the scenario's Python file, where it is not shipped", callback=known
    ),
]
Json = Annotated[bool, typer.Option("--json", help="print one JSON document")]
Paths = Annotated[list[Path], typer.Argument(help="files, or folders of files")]
MappingName = Annotated[str, typer.Option(help="a shipped mapping's name, or a TOML file")]


class Engine(StrEnum):
    """Where features are computed: in this process, or on a cluster."""

    LOCAL = "local"
    SPARK = "spark"
    DASK = "dask"


def languages(language: str) -> tuple[Literal["zh", "en"], ...]:
    """The languages that are meant: the one that is named, both where none is.

    Raises
    ------
    InputError
        Another language.
    """
    match language:
        case "":
            return ("zh", "en")
        case "zh" | "en":
            return (language,)
        case _:
            raise InputError(f"no pages in {language!r}; choose zh or en")
