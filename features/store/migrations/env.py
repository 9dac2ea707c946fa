"""Alembic's entry: runs the chain over the one connection it is given."""

from alembic import context
from sqlalchemy import create_engine

engine = create_engine(context.config.attributes["url"])
with engine.begin() as connection:
    context.configure(connection=connection)
    context.run_migrations()
engine.dispose()
