"""Indexes by which the events of a subject are found, for the scenarios that came later."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

SUBJECTS = (("assignments", "agency"), ("small_works", "buyer"), ("credit_repairs", "enterprise"))
TEXT = {
    "sqlite": "json_extract(fields, '$.{}')",
    "postgresql": "(CAST(fields AS json) ->> '{}')",
}
"""A subject's text in an event's fields, as the database's `json_text` writes it."""


def upgrade() -> None:
    dialect = op.get_bind().dialect.name
    for scenario, subject in SUBJECTS:
        op.execute(
            f"CREATE INDEX event_{scenario}_{subject} ON event "
            f"({TEXT[dialect].format(subject)}, effective_us) WHERE scenario = '{scenario}'"
        )


def downgrade() -> None:
    for scenario, subject in SUBJECTS:
        op.drop_index(f"event_{scenario}_{subject}", "event")
