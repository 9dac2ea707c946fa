"""Deployments: which bundle serves a scenario, as an append-only list; the last row rules."""

import time
from dataclasses import dataclass

from features.store.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Deployment:
    """One promotion or rollback."""

    deployment: int
    scenario: str
    digest: str
    model_version: str
    at_us: int
    by: str


def deploy(ledger: Ledger, scenario: str, *, digest: str, model_version: str, by: str) -> None:
    """Make the bundle of `digest` the champion of `scenario` from now on."""
    with ledger.transaction() as connection:
        connection.execute(
            "INSERT INTO deployment (scenario, digest, model_version, at_us, by) "
            "VALUES (?, ?, ?, ?, ?)",
            (scenario, digest, model_version, time.time_ns() // 1000, by),
        )


def champion(ledger: Ledger, scenario: str) -> Deployment | None:
    """The deployment that rules `scenario` now, or None before the first."""
    return next(iter(deployments(ledger, scenario, limit=1)), None)


def deployments(ledger: Ledger, scenario: str, *, limit: int = 20) -> list[Deployment]:
    """The latest deployments of `scenario`, newest first."""
    rows = ledger.connection.execute(
        "SELECT deployment, scenario, digest, model_version, at_us, by FROM deployment "
        "WHERE scenario = ? ORDER BY deployment DESC LIMIT ?",
        (scenario, limit),
    ).fetchall()
    return [Deployment(*row) for row in rows]
