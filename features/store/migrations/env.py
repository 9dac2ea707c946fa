"""Alembic's entry: runs the chain over the engine it is given, in one transaction."""

from alembic import context

with context.config.attributes["engine"].begin() as connection:
    if connection.dialect.name == "postgresql":  # another process may be starting as well
        from features.store.postgres import head_lock

        connection.exec_driver_sql(head_lock(connection.connection.driver_connection))
    context.configure(connection=connection)
    context.run_migrations()
