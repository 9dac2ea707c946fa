"""What would make a stored alert ordinary, derived from its vector, its bundle and its line."""

from features.contracts.verdicts import Counterfactual, Verdict
from models.bundle import Bundle
from models.ordinary import would_be_below
from serving.desk import Desk
from serving.store import cells, records


def ordinary_at(row: records.Row, bundle: Bundle) -> Counterfactual | None:
    """The nearest value of one feature that is below the line then in force.

    None where the record is no alert, or no single feature brings it below. A record from before
    lines were kept is held against its bundle's own budget.
    """
    verdict = Verdict.model_validate_json(row.verdict)
    if not verdict.scores.is_alert:
        return None
    line = bundle.threshold if verdict.review is None else verdict.review.threshold
    if line is None:
        return None
    return would_be_below(bundle, cells.read(row.vector), line, currency=row.currency)


def ordinary_of(desk: Desk, record_id: str) -> Counterfactual | None:
    """The same by the record's id; BundleError where the bundle of then is not at hand."""
    row = desk.records.row(record_id)
    digest = Verdict.model_validate_json(row.verdict).provenance.bundle_digest
    return ordinary_at(row, desk.post(row.scenario).bundle(digest))
