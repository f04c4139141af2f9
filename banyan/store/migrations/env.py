"""How Alembic runs here: always on the connection that `upgrade` holds, inside its transaction."""

from alembic import context

from banyan.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
