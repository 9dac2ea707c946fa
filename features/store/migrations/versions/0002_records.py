"""Records, the audit chain, and the two indexes by which a subject's timeline is found."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""64 bits in both; SQLite numbers rows itself only under this name."""

SUBJECTS = (("payouts", "enterprise"), ("approvals", "project"))
TEXT = {
    "sqlite": "json_extract(fields, '$.{}')",
    "postgresql": "(CAST(fields AS json) ->> '{}')",
}
"""A subject's text in an event's fields, as the database's `json_text` writes it."""


def upgrade() -> None:
    op.create_table(
        "record",
        sa.Column("record", INTEGER, primary_key=True),
        sa.Column("record_id", sa.Text, nullable=False, unique=True),
        sa.Column("scenario", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("event_id", sa.Text, nullable=False),
        sa.Column("version", INTEGER, nullable=False),
        sa.Column("seq", INTEGER, nullable=False),
        sa.Column("request_digest", sa.Text, nullable=False),
        sa.Column("p_value", sa.Float, nullable=False),
        sa.Column("band", sa.Text, nullable=False),
        sa.Column("scored_us", sa.BigInteger, nullable=False),
        sa.Column("amount_minor", sa.BigInteger),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("vector", sa.Text, nullable=False),
        sa.UniqueConstraint("scenario", "kind", "event_id", "version"),
    )
    op.create_index("record_queue", "record", ["p_value", sa.text("record DESC")])
    op.create_index(
        "record_scenario_queue", "record", ["scenario", "p_value", sa.text("record DESC")]
    )
    op.create_table(
        "audit",
        sa.Column("audit", INTEGER, primary_key=True, autoincrement=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("object", sa.Text, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("previous", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
    )
    dialect = op.get_bind().dialect.name
    for scenario, subject in SUBJECTS:
        op.execute(
            f"CREATE INDEX event_{subject} ON event "
            f"({TEXT[dialect].format(subject)}, effective_us) WHERE scenario = '{scenario}'"
        )


def downgrade() -> None:
    for _, subject in SUBJECTS:
        op.drop_index(f"event_{subject}", "event")
    op.drop_table("audit")
    op.drop_table("record")
