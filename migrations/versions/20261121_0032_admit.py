"""Who is asking, and for whose rows, with one statement; members of a rare status are found by an index."""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

# The transaction is scoped to the tenant between the two reads, so that the policies let the second one see its row.
# Works with the caller's rights; whether the credential still holds is the caller's to say, by its own clock.
_ADMIT = """
CREATE FUNCTION admit(digest text, timeout text)
RETURNS TABLE (tenant_id uuid, kind text, id uuid, name text, role text, scopes jsonb, ended boolean,
  expires_at timestamptz, last_used_at timestamptz)
LANGUAGE plpgsql AS $$
DECLARE found credential_index;
BEGIN
  SELECT i.* INTO found FROM credential_index AS i WHERE i.hash = digest AND i.kind IN ('key', 'session');
  IF found.tenant_id IS NULL THEN RETURN; END IF;
  PERFORM set_config('app.tenant', found.tenant_id::text, true);
  IF timeout IS NOT NULL THEN PERFORM set_config('statement_timeout', timeout, true); END IF;
  IF found.kind = 'key' THEN
    RETURN QUERY SELECT k.tenant_id, 'key', k.id, k.name::text, k.role::text, k.scopes, k.revoked_at IS NOT NULL,
        k.expires_at, k.last_used_at
      FROM api_key AS k
      WHERE k.tenant_id = found.tenant_id AND k.id = found.ref_id AND k.secret_hash = digest;
  ELSE
    RETURN QUERY SELECT u.tenant_id, 'user', u.id, u.name::text, u.role::text, NULL::jsonb,
        s.revoked_at IS NOT NULL OR u.deactivated_at IS NOT NULL, s.expires_at, NULL::timestamptz
      FROM user_session AS s JOIN app_user AS u ON u.tenant_id = s.tenant_id AND u.id = s.user_id
      WHERE s.tenant_id = found.tenant_id AND s.id = found.ref_id AND s.token_hash = digest;
  END IF;
END $$
"""


def upgrade() -> None:
    op.execute(_ADMIT)
    op.create_index(
        "ix_member_status", "member", ["tenant_id", "status", "id"], postgresql_where=sa.text("status <> 'active'")
    )


def downgrade() -> None:
    op.drop_index("ix_member_status", table_name="member")
    op.execute("DROP FUNCTION admit(text, text)")
