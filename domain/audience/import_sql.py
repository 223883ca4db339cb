"""The statements of an import, in order. Each works on the whole staging table; none loops over rows."""

STAGING_COLUMNS = (
    "external_id", "first_name", "last_name", "salutation", "language", "time_zone", "status",
    "joined_on", "left_on", "last_visit_at", "tags", "attributes", "favourite_course", "email", "email_norm",
    "phone", "phone_norm", "consent_email", "consent_email_at", "consent_email_source", "consent_tracking",
)  # fmt: skip

STAGING = """
CREATE TEMPORARY TABLE staging (
  line int PRIMARY KEY, fresh_id uuid NOT NULL, external_id text, first_name text, last_name text, salutation text,
  language text, time_zone text, status text, joined_on date, left_on date, last_visit_at timestamptz, tags jsonb,
  attributes jsonb, favourite_course text, email text, email_norm text, phone text, phone_norm text,
  consent_email text, consent_email_at timestamptz, consent_email_source text, consent_tracking text,
  member_id uuid, is_new boolean NOT NULL DEFAULT false, outcome text, notes jsonb NOT NULL DEFAULT '[]', before jsonb
) ON COMMIT DROP
"""

_FIELDS = (
    "external_id", "first_name", "last_name", "salutation", "language", "time_zone", "status", "joined_on", "left_on",
    "last_visit_at", "favourite_course",
)  # fmt: skip

_MATCH_NUMBER = """
UPDATE staging s SET member_id = m.id FROM member m
WHERE m.tenant_id = :tenant AND m.external_id = s.external_id
"""


def _at(channel: str, column: str) -> str:
    """Members that a row's address fits. One equality per join: with both in one join every row met every address."""
    return f"""
  SELECT s2.line, m.id
  FROM staging s2
  JOIN contact_point c ON c.tenant_id = :tenant AND c.channel = '{channel}' AND c.address_norm = s2.{column}
  JOIN member m ON m.tenant_id = :tenant AND m.id = c.member_id
  WHERE s2.member_id IS NULL
    AND (m.external_id IS NULL OR s2.external_id IS NULL)
    AND (s2.first_name IS NULL OR m.first_name IS NULL OR lower(m.first_name) = lower(s2.first_name))"""  # noqa: S608


# Without a number: the one member with this address whose first name does not contradict.
_MATCH_ADDRESS = f"""
UPDATE staging s SET member_id = f.member_id, outcome = CASE WHEN f.n > 1 THEN 'ambiguous' END
FROM (
  SELECT line, (array_agg(id))[1] AS member_id, count(*) AS n
  FROM ({_at("email", "email_norm")}
  UNION{_at("sms", "phone_norm")}
  ) fitting GROUP BY line
) f WHERE f.line = s.line
"""  # noqa: S608

_AMBIGUOUS = """
UPDATE staging SET member_id = NULL, outcome = 'rejected', notes = notes || jsonb_build_array(jsonb_build_object(
  'column', '', 'problem', 'fits several members; give the member number'))
WHERE outcome = 'ambiguous'
"""

# Two rows that would write the same member: the first one counts.
_TWICE = """
UPDATE staging s SET member_id = NULL, outcome = 'rejected', notes = notes || jsonb_build_array(jsonb_build_object(
  'column', '', 'problem', 'means the same member as line ' || f.first_line))
FROM (SELECT member_id, min(line) AS first_line FROM staging WHERE member_id IS NOT NULL GROUP BY member_id) f
WHERE f.member_id = s.member_id AND s.line > f.first_line
"""

_NEW = """
UPDATE staging SET member_id = fresh_id, is_new = true, outcome = 'created' WHERE member_id IS NULL AND outcome IS NULL
"""

_BEFORE = """
UPDATE staging s SET before = jsonb_build_object(
  'member', to_jsonb(m),
  'contact_points', coalesce((SELECT jsonb_agg(to_jsonb(c) ORDER BY c.id) FROM contact_point c
    WHERE c.tenant_id = :tenant AND c.member_id = m.id), '[]'),
  'consents', coalesce((SELECT jsonb_agg(to_jsonb(k) ORDER BY k.id) FROM consent k
    WHERE k.tenant_id = :tenant AND k.member_id = m.id), '[]'))
FROM member m WHERE m.tenant_id = :tenant AND m.id = s.member_id AND NOT s.is_new
"""

_INSERT = f"""
INSERT INTO member (id, tenant_id, created_by, import_batch_id, restricted, tags, attributes, {", ".join(_FIELDS)})
SELECT member_id, :tenant, :actor, :batch, false, coalesce(tags, '[]'), coalesce(attributes, '{{}}'),
  {", ".join("coalesce(status, 'active')" if name == "status" else name for name in _FIELDS)}
FROM staging WHERE is_new
"""  # noqa: S608 - column names of our own

_UPDATE = f"""
UPDATE member m SET updated_at = clock_timestamp(), {", ".join(f"{n} = coalesce(s.{n}, m.{n})" for n in _FIELDS)},
  tags = CASE WHEN s.tags IS NULL THEN m.tags ELSE
    (SELECT coalesce(jsonb_agg(DISTINCT t ORDER BY t), '[]') FROM jsonb_array_elements_text(m.tags || s.tags) t) END,
  attributes = m.attributes || coalesce(s.attributes, '{{}}')
FROM staging s
WHERE m.tenant_id = :tenant AND m.id = s.member_id AND NOT s.is_new AND (
  {" OR ".join(f"(s.{n} IS NOT NULL AND s.{n} IS DISTINCT FROM m.{n})" for n in _FIELDS)}
  OR NOT m.tags @> coalesce(s.tags, '[]') OR NOT m.attributes @> coalesce(s.attributes, '{{}}'))
"""  # noqa: S608

_OUTCOME = """
UPDATE staging s SET outcome =
  CASE WHEN to_jsonb(m) IS DISTINCT FROM s.before -> 'member' THEN 'updated' ELSE 'unchanged' END
FROM member m WHERE m.tenant_id = :tenant AND m.id = s.member_id AND s.outcome IS NULL
"""


def _contact(channel: str, column: str) -> tuple[str, str, str]:
    demote = f"""
UPDATE contact_point c SET is_primary = false, updated_at = clock_timestamp() FROM staging s
WHERE c.tenant_id = :tenant AND c.member_id = s.member_id AND NOT s.is_new AND c.channel = '{channel}'
  AND c.is_primary AND s.{column}_norm IS NOT NULL AND c.address_norm <> s.{column}_norm
"""  # noqa: S608
    add = f"""
INSERT INTO contact_point (id, tenant_id, member_id, channel, address, address_norm, is_primary, created_by)
SELECT gen_random_uuid(), :tenant, member_id, '{channel}', {column}, {column}_norm, true, :actor
FROM staging WHERE {column}_norm IS NOT NULL AND outcome <> 'rejected'
ON CONFLICT (tenant_id, member_id, channel, address_norm)
DO UPDATE SET is_primary = true, address = excluded.address, updated_at = clock_timestamp()
WHERE NOT contact_point.is_primary
"""  # noqa: S608
    changed = f"""
UPDATE staging s SET outcome = 'updated' FROM contact_point c
WHERE c.tenant_id = :tenant AND c.member_id = s.member_id AND s.outcome = 'unchanged' AND c.channel = '{channel}'
  AND c.is_primary AND NOT s.before -> 'contact_points' @> jsonb_build_array(
    jsonb_build_object('channel', c.channel, 'address_norm', c.address_norm, 'is_primary', true))
"""  # noqa: S608
    return demote, add, changed


# A grant needs a new member, its date and source, a person who attests, and an address nobody suppressed.
_GRANT = """
INSERT INTO consent (id, tenant_id, member_id, channel, purpose, state, legal_basis, source, since, created_by)
SELECT gen_random_uuid(), :tenant, s.member_id, 'email', p.purpose, 'granted', 'consent', :source,
  s.consent_email_at, :actor
FROM staging s CROSS JOIN (VALUES ('marketing'), ('tracking')) AS p (purpose)
WHERE s.is_new AND CAST(:attested_by AS text) IS NOT NULL
  AND s.consent_email_at IS NOT NULL AND s.consent_email_source IS NOT NULL
  AND s.consent_email = 'granted' AND (p.purpose = 'marketing' OR s.consent_tracking = 'granted')
  AND NOT EXISTS (SELECT FROM suppression x WHERE x.tenant_id = :tenant AND x.channel = 'email'
    AND x.address_norm = s.email_norm AND x.lifted_at IS NULL)
ON CONFLICT DO NOTHING
"""

_WITHDRAW = """
INSERT INTO consent (id, tenant_id, member_id, channel, purpose, state, legal_basis, source, since, created_by)
SELECT gen_random_uuid(), :tenant, s.member_id, 'email', p.purpose, 'withdrawn', 'consent', :source,
  clock_timestamp(), :actor
FROM staging s CROSS JOIN (VALUES ('marketing'), ('tracking')) AS p (purpose)
WHERE s.outcome <> 'rejected' AND (s.consent_email = 'withdrawn'
  OR (p.purpose = 'tracking' AND s.consent_tracking = 'withdrawn'))
ON CONFLICT (tenant_id, member_id, channel, purpose) DO UPDATE
SET state = 'withdrawn', source = excluded.source, since = excluded.since, updated_at = clock_timestamp()
WHERE consent.state <> 'withdrawn'
"""

_HISTORY = """
INSERT INTO consent_event (id, tenant_id, member_id, channel, purpose, state, source, actor, evidence, created_by)
SELECT gen_random_uuid(), :tenant, k.member_id, k.channel, k.purpose, k.state, k.source, CAST(:actor AS text),
  jsonb_build_object('imported', true, 'line', s.line, 'given_at', s.consent_email_at,
    'given_source', s.consent_email_source, 'attested_by', CAST(:attested_by AS text)), CAST(:actor AS text)
FROM consent k JOIN staging s ON s.member_id = k.member_id
WHERE k.tenant_id = :tenant AND k.source = :source
"""

_NOTE_CONSENT = """
UPDATE staging s SET notes = s.notes || jsonb_build_array(jsonb_build_object('column', 'consent_email', 'problem',
  CASE WHEN x.id IS NOT NULL THEN 'the address is suppressed: it stays so'
       WHEN NOT s.is_new THEN 'an import never raises the consent of a known member'
       WHEN CAST(:attested_by AS text) IS NULL THEN 'nobody attests to it: not recorded'
       ELSE 'date or source is missing: not recorded' END))
FROM staging t LEFT JOIN suppression x ON x.tenant_id = :tenant AND x.channel = 'email'
  AND x.address_norm = t.email_norm AND x.lifted_at IS NULL
WHERE t.line = s.line AND s.consent_email = 'granted' AND s.outcome <> 'rejected'
  AND NOT EXISTS (SELECT FROM consent k WHERE k.tenant_id = :tenant AND k.member_id = s.member_id
    AND k.channel = 'email' AND k.purpose = 'marketing' AND k.state = 'granted')
"""

MERGE = (
    "ANALYZE staging",
    _MATCH_NUMBER,
    _MATCH_ADDRESS,
    _AMBIGUOUS,
    _TWICE,
    _NEW,
    _BEFORE,
    _INSERT,
    _UPDATE,
    _OUTCOME,
    *_contact("email", "email"),
    *_contact("sms", "phone"),
    _GRANT,
    _WITHDRAW,
    _HISTORY,
    _NOTE_CONSENT,
)
