"""What the header of a file must have before one of its rows can be read."""

from collections.abc import Container, Iterator, Sequence

from features.contracts.errors import UnreadableSourceError
from features.sources.columns import POSITION, KindColumn, normal, parse_template
from features.sources.mapping import EFFECTIVE_AT, Mapping


def check_header(file_name: str, header: Sequence[str], mapping: Mapping) -> None:
    """Refuse a file whose header has none of the names of a column that every row needs.

    >>> check_header("a.csv", ["Trans No", "Paid"], Mapping.load("oxford_payments"))
    Traceback (most recent call last):
    features.contracts.errors.UnreadableSourceError: a.csv: the header has no column for
    effective_at ('Paid Date'), amount_minor ('Amount'); it is another kind of file, or mapping
    'oxford_payments' must list how the columns are spelled here

    Raises
    ------
    UnreadableSourceError
        It names all that is missing, with every spelling that was looked for.
    """
    present = set(normal(tuple(header)))
    missing = [
        f"{name} ({' or '.join(map(repr, columns))})"
        for name, columns in _needed(mapping, mapping.constants_for(file_name).keys())
        if present.isdisjoint(normal(columns))
    ]
    if missing:
        raise UnreadableSourceError(
            f"{file_name}: the header has no column for {', '.join(missing)}; it is another kind "
            f"of file, or mapping {mapping.name!r} must list how the columns are spelled here"
        )


def _needed(mapping: Mapping, constants: Container[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """What every row needs and no constant gives, with the headers it goes by."""
    for part in parse_template(mapping.event_id):
        if part.columns and part.columns != (POSITION,):
            yield "event_id", part.columns
    if EFFECTIVE_AT not in constants:
        yield EFFECTIVE_AT, mapping.effective_at.columns
    if isinstance(mapping.kind, KindColumn):
        yield "kind", mapping.kind.columns
    if mapping.version is not None:
        yield "version", mapping.version.columns
    for name, column in mapping.fields.items():
        if (column.required or mapping.schema_.fields[name].required) and name not in constants:
            yield name, column.columns
