"""Row-level security on every tenant table, the append-only audit trail, state counters."""

from alembic import op

from migrations.policies import protect, unprotect

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TENANT_TABLES = [
    "activity",
    "agent_question",
    "agent_run",
    "agent_step",
    "api_key",
    "app_user",
    "audit_entry",
    "audit_head",
    "campaign",
    "campaign_count",
    "chunk",
    "consent",
    "consent_event",
    "contact_point",
    "conversation",
    "conversation_message",
    "document",
    "draft_revision",
    "finding_override",
    "idempotency_key",
    "import_batch",
    "import_row",
    "member",
    "message",
    "message_event",
    "model_call",
    "offer",
    "outbox",
    "plan_reservation",
    "plan_usage",
    "preview_link",
    "purchase",
    "review",
    "sender",
    "suppression",
    "template",
    "template_version",
    "tracked_link",
    "user_session",
]

_COUNT = """
CREATE FUNCTION count_messages() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO campaign_count AS c (tenant_id, campaign_id, state, shard, n)
  SELECT tenant_id, campaign_id, state, count_shard(), sum(delta)
  FROM ({changes}) AS change
  GROUP BY tenant_id, campaign_id, state
  HAVING sum(delta) <> 0
  ORDER BY tenant_id, campaign_id, state
  ON CONFLICT (tenant_id, campaign_id, state, shard) DO UPDATE SET n = c.n + excluded.n;
  RETURN NULL;
END $$
"""
# Each transaction counts in a shard of its own, the lowest that is free: two that touch states in crossing order never
# wait for each other, and one after the other needs one shard. Beyond 64 at once they share the last.
_SHARD = """
CREATE FUNCTION count_shard() RETURNS int LANGUAGE plpgsql AS $$
DECLARE
  mine text := current_setting('app.count_shard', true);
  shard int := 0;
BEGIN
  IF mine <> '' THEN
    RETURN mine::int;
  END IF;
  WHILE shard < 63 AND NOT pg_try_advisory_xact_lock(7201415, shard) LOOP
    shard := shard + 1;
  END LOOP;
  IF shard = 63 THEN
    PERFORM pg_advisory_xact_lock(7201415, shard);
  END IF;
  PERFORM set_config('app.count_shard', shard::text, true);
  RETURN shard;
END $$
"""
_NEW = "SELECT tenant_id, campaign_id, state, 1 AS delta FROM new_rows"
_OLD = "SELECT tenant_id, campaign_id, state, -1 AS delta FROM old_rows"


# The same as kernel.ids.stable_id, for statements that make many rows.
_STABLE_ID = """
CREATE FUNCTION stable_id(VARIADIC parts text[]) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT encode(set_byte(set_byte(d, 6, get_byte(d, 6) & 15 | 128), 8, get_byte(d, 8) & 63 | 128), 'hex')::uuid
  FROM (SELECT substring(sha256(convert_to(array_to_string(parts, chr(31)), 'UTF8')) FROM 1 FOR 16) AS d) AS digest
$$
"""
# The same as kernel.ids.new_id: version 7, so that rows made by the database sort by time too.
_NEW_ID = """
CREATE FUNCTION new_id() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
  SELECT encode(set_byte(overlay(uuid_send(gen_random_uuid()) PLACING
    substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6),
    6, get_byte(uuid_send(gen_random_uuid()), 6) & 15 | 112), 'hex')::uuid
$$
"""


# The application does not own the tables, so it cannot ANALYZE them; after a large import, and when the recipients of
# a campaign were fixed, the planner must know.
_STATISTICS = """
CREATE FUNCTION refresh_statistics() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
  ANALYZE member, contact_point, consent, suppression, activity, purchase;
END $$
"""
_MESSAGE_STATISTICS = """
CREATE FUNCTION refresh_message_statistics() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
  ANALYZE message;
END $$
"""


def upgrade() -> None:
    op.execute(_STATISTICS)
    op.execute(_MESSAGE_STATISTICS)
    op.execute(_STABLE_ID)
    op.execute(_NEW_ID)
    op.execute("ALTER TABLE message_event ALTER COLUMN id SET DEFAULT new_id()")
    for table in TENANT_TABLES:
        protect(table)
    protect("tenant", "id")
    _count_states()
    op.execute(
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege'; "
        "END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_entry_append_only BEFORE UPDATE OR DELETE ON audit_entry "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )


def _count_states() -> None:
    bodies = {"insert": _NEW, "update": f"{_NEW} UNION ALL {_OLD}", "delete": _OLD}
    tables = {
        "insert": "NEW TABLE AS new_rows",
        "update": "OLD TABLE AS old_rows NEW TABLE AS new_rows",
        "delete": "OLD TABLE AS old_rows",
    }
    op.execute(_SHARD)
    for verb, changes in bodies.items():
        body = _COUNT.replace("{changes}", changes).replace("count_messages", f"count_messages_{verb}")
        op.execute(body)
        op.execute(
            f"CREATE TRIGGER message_count_{verb} AFTER {verb.upper()} ON message REFERENCING {tables[verb]} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION count_messages_{verb}()"
        )


def downgrade() -> None:
    op.execute("ALTER TABLE message_event ALTER COLUMN id SET DEFAULT gen_random_uuid()")
    op.execute("DROP FUNCTION refresh_message_statistics()")
    op.execute("DROP FUNCTION refresh_statistics()")
    op.execute("DROP FUNCTION new_id()")
    op.execute("DROP FUNCTION stable_id(text[])")
    for verb in ("insert", "update", "delete"):
        op.execute(f"DROP TRIGGER message_count_{verb} ON message")
        op.execute(f"DROP FUNCTION count_messages_{verb}()")
    op.execute("DROP FUNCTION count_shard()")
    op.execute("DROP TRIGGER audit_entry_append_only ON audit_entry")
    op.execute("DROP FUNCTION refuse_change()")
    for table in (*TENANT_TABLES, "tenant"):
        unprotect(table)
