"""Chunks of live histories in a table of rows, so that an append writes fewer pages.

Histories are made from events, so the old ones are dropped and engines make them anew.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""64 bits in both."""


def upgrade() -> None:
    _make_anew(with_rowid=True)


def downgrade() -> None:
    _make_anew(with_rowid=False)


def _make_anew(*, with_rowid: bool) -> None:
    for table in ("history_log", "history_tile", "history_heavy", "history_head"):
        op.execute(sa.text(f"DELETE FROM {table}"))  # noqa: S608  (names from the line above)
    op.drop_table("history")
    op.create_table(
        "history",
        sa.Column("scenario", sa.Text, primary_key=True),
        sa.Column("stream", INTEGER, primary_key=True, autoincrement=False),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("t0", INTEGER, primary_key=True, autoincrement=False),
        sa.Column("s", INTEGER, primary_key=True, autoincrement=False),
        sa.Column("n", INTEGER, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=with_rowid,
    )
