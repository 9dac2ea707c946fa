"""Events, scenario profiles, live histories and deployments."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""64 bits in both; SQLite numbers rows itself only under this name."""


def upgrade() -> None:
    op.create_table(
        "event",
        sa.Column("seq", INTEGER, primary_key=True, autoincrement=False),
        sa.Column("scenario", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("event_id", sa.Text, nullable=False),
        sa.Column("version", INTEGER, nullable=False),
        sa.Column("effective_us", sa.BigInteger, nullable=False),
        sa.Column("ordinal", INTEGER, nullable=False),
        sa.Column("observed_us", sa.BigInteger, nullable=False),
        sa.Column("is_live", INTEGER, nullable=False),
        sa.Column("retracted", INTEGER, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("fields", sa.Text, nullable=False),
        sa.UniqueConstraint("scenario", "kind", "event_id", "version"),
    )
    op.create_table(
        "profile",
        sa.Column("scenario", sa.Text, primary_key=True),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("calendar", sa.Text, nullable=False),
    )
    op.create_table(
        "code",
        sa.Column("code", INTEGER, primary_key=True),
        sa.Column("text", sa.Text, nullable=False, unique=True),
    )
    op.create_table(
        "history_head",
        sa.Column("scenario", sa.Text, primary_key=True),
        sa.Column("spec_hash", sa.Text, nullable=False),
        sa.Column("seq", INTEGER, nullable=False),
    )
    op.create_table(
        "history",
        sa.Column("scenario", sa.Text, primary_key=True),
        sa.Column("stream", INTEGER, primary_key=True, autoincrement=False),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("chunk", INTEGER, primary_key=True, autoincrement=False),
        sa.Column("rows", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "deployment",
        sa.Column("deployment", INTEGER, primary_key=True),
        sa.Column("scenario", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("model_version", sa.Text, nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
    )


def downgrade() -> None:
    for table in ("deployment", "history", "history_head", "code", "profile", "event"):
        op.drop_table(table)
