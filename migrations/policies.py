"""Row-level security, the same on every tenant table: without a tenant no rows, and never a foreign one."""

from alembic import op

_OWN = "(SELECT nullif(current_setting('app.tenant', true), '')::uuid)"


def protect(table: str, column: str = "tenant_id") -> None:
    """Force the policy on a table, also for its owner."""
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY own_tenant ON {table} USING ({column} = {_OWN}) WITH CHECK ({column} = {_OWN})")


def unprotect(table: str) -> None:
    """Take the policy off again."""
    op.execute(f"DROP POLICY own_tenant ON {table}")
    op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
