"""Alembic runs this file to apply what is missing, inside the transaction that `Database.open` began."""

from alembic import context

from server.storage.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
