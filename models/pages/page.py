"""What the documentation says of a detector, as a declaration that a page is made from."""

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Cost:
    """Orders of growth; n training rows, d columns, and sizes that the text names."""

    fit: str
    score_row: str
    explain_row: str


@dataclass(frozen=True, slots=True)
class Page:
    """One detector in words: every part is required, in Markdown, in whole sentences.

    `formula` holds lines of plain text. `unit` is that of the score as it serves. `figures` names
    what the benchmark of the models measures of this detector; its figures stand beside the orders
    of growth where there are any.
    """

    title: str
    what: str
    finds: str
    cannot: str
    formula: tuple[str, ...]
    missing_in_score: str
    missing_in_reasons: str
    category: str
    cost: Cost
    memory: str
    references: tuple[str, ...]
    unit: str = "deviations of training scores"
    figures: tuple[str, ...] = ()

    def gaps(self) -> list[str]:
        """Names of parts that say nothing."""
        return [
            item.name
            for item in fields(self)
            if item.name != "figures" and not getattr(self, item.name)
        ]
