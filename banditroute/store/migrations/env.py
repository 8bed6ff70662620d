"""Runs migrations on the connection that the store hands in, inside its transaction."""

from alembic import context

from banditroute.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)

with context.begin_transaction():
    context.run_migrations()
