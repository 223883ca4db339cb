"""Alembic's door: the caller hands over an open connection of the owner role."""

from alembic import context

from models import Base

config = context.config


def run() -> None:
    connection = config.attributes["connection"]
    context.configure(
        connection=connection, target_metadata=Base.metadata, compare_type=True, compare_server_default=False
    )
    with context.begin_transaction():
        context.run_migrations()


run()
