"""Audiences of any size with languages, life-cycle stages and interests in equal parts."""

from uuid import UUID

from sqlalchemy import text

from kernel import db

_CROWD = text("""
INSERT INTO member (id, tenant_id, first_name, language, status, favourite_course, last_visit_at, joined_on, tags,
  attributes, restricted)
SELECT gen_random_uuid(), :tenant, 'Kim', CASE n % 2 WHEN 0 THEN 'de' ELSE 'en' END, 'active',
  CASE WHEN (n / 8) % :courses = 0 THEN NULL ELSE 'Kurs ' || (n / 8) % :courses END,
  clock_timestamp() - make_interval(days => CASE (n / 2) % :stages WHEN 0 THEN 2 WHEN 1 THEN 30 ELSE 200 END),
  DATE '2020-01-01' + CASE (n / 2) % :stages WHEN 3 THEN (CURRENT_DATE - DATE '2020-01-05') ELSE 0 END,
  '[]', '{}', false
FROM generate_series(0, :size - 1) n
""")


def crowd(tenant_id: UUID, size: int, *, courses: int = 1, stages: int = 4) -> None:
    """Add `size` members: two languages, so many stages, and one interest less than `courses`."""
    with db.tenant_session(tenant_id) as session:
        session.execute(_CROWD, {"tenant": tenant_id, "size": size, "courses": courses, "stages": stages})
