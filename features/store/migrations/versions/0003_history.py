"""Live histories as chunks in time order, with day tiles for heavy keys.

Histories are made from events, so the old ones are dropped and engines make them anew.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""64 bits in both."""


def upgrade() -> None:
    op.drop_table("history")
    op.drop_table("history_head")
    op.create_table(
        "history_head",
        sa.Column("scenario", sa.Text, primary_key=True),
        sa.Column("spec_hash", sa.Text, nullable=False),
        sa.Column("seq", INTEGER, nullable=False),
        sa.Column("number", INTEGER, nullable=False),
        sa.Column("observed_us", INTEGER, nullable=False),
    )
    op.create_table(
        "history",
        sa.Column("scenario", sa.Text, primary_key=True),
        sa.Column("stream", INTEGER, primary_key=True, autoincrement=False),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("t0", INTEGER, primary_key=True, autoincrement=False),
        sa.Column("s", INTEGER, primary_key=True, autoincrement=False),
        sa.Column("n", INTEGER, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "history_heavy",
        sa.Column("scenario", sa.Text, primary_key=True),
        sa.Column("stream", INTEGER, primary_key=True, autoincrement=False),
        sa.Column("key", sa.Text, primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "history_tile",
        sa.Column("scenario", sa.Text, primary_key=True),
        sa.Column("stream", INTEGER, primary_key=True, autoincrement=False),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("day", INTEGER, primary_key=True, autoincrement=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "history_log",
        sa.Column("scenario", sa.Text, primary_key=True),
        sa.Column("number", INTEGER, primary_key=True, autoincrement=False),
        sa.Column("entry", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    for table in ("history_log", "history_tile", "history_heavy", "history", "history_head"):
        op.drop_table(table)
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
