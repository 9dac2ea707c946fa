"""How the command line talks: results to stdout, progress and talk to stderr."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from features.contracts.events import from_us
from features.sources.quality import RejectionGroup

if TYPE_CHECKING:
    from features.retrace import Part
    from serving.cli.built import Done
    from serving.explaining import Explanation
    from serving.store.parity import Parity

out = Console(soft_wrap=True, highlight=False, markup=False)
err = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)

Tick = Callable[[int, int, str], None]
_EVENTS: Final = 20
"""Events of a cell that are shown unless all are asked for."""
_CELLS: Final = 10
"""Differing cells that are named."""


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


def done(content: Mapping[str, Any], line: str, *, json: bool) -> None:
    """What a command did, as one line or as one document."""
    document(content) if json else out.print(line)


def built(made: "Done", *, json: bool) -> None:
    """A feature table that was written, and the rows of files that were not taken."""
    rows, features, path = made.built.events, made.built.features, made.built.path
    rejected = sum(group.count for group in made.rejections)
    if not json:
        rejections(made.rejections)
    content = {"rows": rows, "features": features, "path": path, "rejected": rejected}
    done(content, f"{rows} rows, {features} features: {path}", json=json)


def explanation(found: "Explanation", *, everything: bool, json: bool) -> None:
    """A cell: value, version, formula, and the events behind it, the latest of each part."""
    told = found.document()
    if json:
        document(told)
        return
    value = "missing" if found.value is None else f"{found.value:.17g}"
    event = found.stored.event
    out.print(f"{told['feature']} of {event.kind} {event.event_id} version {event.version}")
    out.print(f"  value    {value} ({found.status})")
    out.print(f"  spec     {found.spec_hash}, kernels {told['kernel_version']}")
    out.print(f"  seen at  {found.as_of_seq}")
    out.print(f"  what     {told['what']}")
    for line in told["formula"]:
        out.print(f"  formula  {line}")
    out.print(f"  here     {found.how.en}")
    for part in found.trace.parts:
        _part(part, len(part.seen) if everything else _EVENTS)
    if found.trace.keys:
        keys = found.trace.keys
        _keys(keys, len(keys) if everything else _EVENTS)


def _keys(keys: Sequence[tuple[Sequence[str], int]], limit: int) -> None:
    """Keys of a snapshot with their numbers, the greatest `limit` of them."""
    ranked = sorted(keys, key=lambda one: -one[1])[:limit]
    title = f"compared: {len(keys)} keys"
    if len(ranked) < len(keys):
        title += f", the greatest {len(ranked)} (--all shows all)"
    table(title, ["key", "number #"], [(" x ".join(key), number) for key, number in ranked])


def _part(part: "Part", limit: int) -> None:
    """The latest `limit` events of one part, in time order."""
    n, taken = len(part.seen), part.look.column or part.look.measure or "counts"
    rows = [
        (
            item.seq,
            item.kind,
            item.event_id,
            item.version,
            f"{from_us(item.effective_us):%Y-%m-%d %H:%M:%S}",
            "" if item.value is None else item.value,
        )
        for item in part.seen[max(0, n - limit) :]
    ]
    by = "by" if part.look.measure is None else f"{part.look.measure} by"
    title = f"{by} {' x '.join(part.look.atom.key)}: {n} events"
    if n == 0:
        out.print(title)
        return
    if len(rows) < n:
        title += f", the latest {len(rows)} (--all shows all)"
    table(title, ["seq #", "kind", "id", "version #", "when (UTC)", f"{taken} #"], rows)


def parity(found: "Parity", *, json: bool) -> None:
    """Stored vectors against batch: what was compared, the first cells that differ, the rest."""
    cells = [
        (one.record_id, one.feature, f"{one.stored!r} ({one.stored_status})",
         f"{one.recomputed!r} ({one.status})")
        for one in found.different[:_CELLS]
    ]  # fmt: skip
    names = ["record", "feature", "stored", "recomputed"]
    if json:
        document(
            {
                "records": found.records,
                "cells": found.cells,
                "different": len(found.different),
                "skipped": found.skipped,
                "first": [dict(zip(names, cell, strict=True)) for cell in cells],
            }
        )
        return
    for cell in cells:
        err.print(f"differs: record {cell[0]}, {cell[1]}: stored {cell[2]}, recomputed {cell[3]}")
    out.print(
        f"{found.records} records, {found.cells} cells compared, {len(found.different)} different; "
        f"{found.skipped} records skipped (another spec hash or kernel version)"
    )


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
