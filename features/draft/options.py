"""What the operator says about a table beyond its columns."""

from dataclasses import dataclass

from features.contracts.errors import InputError
from features.draft.profile import Profile


@dataclass(frozen=True, slots=True)
class Options:
    """Name of the scenario, and how the table is read."""

    name: str
    format: str = "csv"
    currency: str = "CNY"
    timezone: str = "Asia/Shanghai"
    time_format: str = ""
    encodings: tuple[str, ...] = ("utf-8", "gb18030")
    delimiter: str = ","

    def formats(self, column: Profile) -> tuple[str, ...]:
        """How the dates of a column are written: as it was said, or the first way that fits."""
        if self.time_format in column.formats or (self.time_format and not column.formats):
            return (self.time_format,)
        return column.formats[:1] or ("iso",)

    def check(self, column: Profile) -> None:
        """Refuse a column of dates whose day and month cannot be told apart.

        Raises
        ------
        InputError
            Two ways of writing dates fit every cell, and none of them was named.
        """
        if len(column.formats) > 1 and self.time_format not in column.formats:
            message = (
                f"column {column.header!r}: its dates fit {' and '.join(column.formats)}; say "
                "which with --time-format"
            )
            raise InputError(message)
