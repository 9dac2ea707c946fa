"""`lianjing conformance`: every promise of a detector, kept or broken."""

from typing import TYPE_CHECKING, Annotated, Final

import typer

from serving.cli import show
from serving.cli.options import Json

if TYPE_CHECKING:
    from models.checks import Finding, Report

_NOT_PASSED: Final = 3

Name = Annotated[
    str, typer.Argument(metavar="NAME", help="default, a detector, a PyOD class, or FILE.py:OBJECT")
]


def conformance(name: Name, json: Json = False) -> None:
    """Run every check on the detector NAME; exit code 3 where one fails."""
    from models.checks import Report, run_checks
    from models.fitting.contestants import named_subjects
    from models.fitting.plug_in import load_subject

    subjects = [load_subject(name)] if ":" in name else named_subjects(name)
    with show.progress("checks") as tick:
        reports = list[Report]()
        for done, subject in enumerate(subjects):
            tick(done, len(subjects), subject.name)
            reports.append(run_checks(subject))
    if json:
        show.document({"reports": [report.document() for report in reports]})
    else:
        for report in reports:
            _print(report)
    if not all(report.passed for report in reports):
        raise typer.Exit(_NOT_PASSED)


def _print(report: "Report") -> None:
    rows = [
        (
            "kept" if finding.passed else "BROKEN",
            finding.check,
            _told(finding),
            f"{finding.seconds:.2f}",
        )
        for finding in report.findings
    ]
    n, failed = len(rows), len(report.failed)
    told = "may be promoted" if report.passed else "may be compared, cannot be promoted"
    title = f"{report.subject}: {n - failed} of {n} checks passed; {told}"
    show.table(title, ["", "check", "promise", "s #"], rows)


def _told(finding: "Finding") -> str:
    """The promise, and what was seen where it is broken."""
    return finding.promise if finding.passed else f"{finding.promise}\nSeen: {finding.message}"
