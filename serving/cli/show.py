"""How the command line talks: results to stdout, progress and talk to stderr."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from features.sources.quality import RejectionGroup

out = Console(soft_wrap=True, highlight=False, markup=False)
err = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)

Tick = Callable[[int, int, str], None]


def say(text: str) -> None:
    """One line of talk, on stderr."""
    err.print(text)


def document(content: Mapping[str, Any]) -> None:
    """One JSON document on stdout."""
    out.print_json(json.dumps(content, ensure_ascii=False, default=str))


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table on stdout; columns named with a trailing `#` stand to the right."""
    grid = Table(title=title, title_justify="left", pad_edge=False)
    for name in columns:
        if name.endswith("#"):
            grid.add_column(name[:-1].strip(), justify="right")
        else:
            grid.add_column(name, overflow="fold")
    for row in rows:
        grid.add_row(*(str(cell) for cell in row))
    out.print(grid)


def rejections(groups: Iterable[RejectionGroup]) -> None:
    """One line for each file and reason that rows were rejected for."""
    for group in groups:
        out.print(f"  rejected {group.count} of {group.file}: {group.column} {group.reason}")


@contextmanager
def progress(what: str) -> Iterator[Tick]:
    """A progress bar on stderr, gone when the work is done."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[item]}"),
        console=err,
        transient=True,
    )
    with bar:
        task = bar.add_task(what, total=None, item="")

        def tick(done: int, total: int, item: str) -> None:
            bar.update(task, completed=done, total=total, item=item)

        yield tick
