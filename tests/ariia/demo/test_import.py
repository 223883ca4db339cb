"""The importer takes the demo's files as the generator says, down to the audience."""

import csv
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select

from ariia.demo import members, people
from domain.audience import histories, imports, selection
from domain.audience import service as audience
from domain.consent import service as consents
from kernel import clock, db
from models import Consent, ContactPoint, ImportBatch, Member
from tests.conftest import TwoTenants

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def today() -> date:
    return clock.now().astimezone(BERLIN).date()


def imported(tenant_id: object, folder: Path, *, dry_run: bool = False) -> dict[str, int]:
    blocked = csv.DictReader((folder / "sperrliste.csv").read_text(encoding="utf-8-sig").splitlines(), delimiter=";")
    with db.tenant_session(tenant_id) as session:  # type: ignore[arg-type]
        for row in blocked:
            norm = audience.normalise("email", row["Adresse"], "DE")
            consents.suppress(
                session, channel="email", address_norm=norm, reason=row["Grund"], source="test", actor="test"
            )
        batch = imports.run(
            session,
            data=(folder / "mitglieder.csv").read_bytes(),
            file_name="mitglieder.csv",
            actor="test",
            dry_run=dry_run,
            attested_by="Katharina Wüllner",
        )
        return dict(batch.counts)


def test_the_importer_counts_what_the_generator_expects(tenants: TwoTenants, tmp_path: Path, today: date) -> None:
    expected = people.expected(members.write(tmp_path, today))
    announced = imported(tenants.a, tmp_path, dry_run=True)
    counts = imported(tenants.a, tmp_path)
    assert (counts["rows"], counts["created"], counts["rejected"]) == (
        expected.rows,
        expected.members,
        expected.refused_rows,
    )
    assert announced == counts
    with db.tenant_session(tenants.a) as session:
        definition = {"kind": "all_members", "inactive_days": 30}
        assert selection.count(session, definition) == expected.targeted
        chosen = selection.members_of(definition, tenant_id=tenants.a)
        reached = session.execute(
            select(func.count(func.distinct(ContactPoint.address_norm)))
            .join(Consent, (Consent.tenant_id == tenants.a) & (Consent.member_id == ContactPoint.member_id))
            .where(
                ContactPoint.tenant_id == tenants.a,
                ContactPoint.channel == "email",
                ContactPoint.member_id.in_(chosen),
                Consent.channel == "email",
                Consent.purpose == "marketing",
                Consent.state == "granted",
            )
        ).scalar_one()
        assert reached == expected.will_send
    with db.tenant_session(tenants.b) as session:
        assert session.execute(select(func.count()).select_from(Member)).scalar_one() == 0


def test_visits_and_purchases_all_find_their_member_and_move_nobody_back(
    tenants: TwoTenants, tmp_path: Path, today: date
) -> None:
    expected = people.expected(members.write(tmp_path, today))
    imported(tenants.a, tmp_path)
    with db.tenant_session(tenants.a) as session:
        for kind, name in (("activities", "besuche.csv"), ("purchases", "kaeufe.csv")):
            batch: ImportBatch = histories.run(
                session, kind=kind, data=(tmp_path / name).read_bytes(), file_name=name, actor="test"
            )
            assert batch.counts == {"rows": batch.counts["rows"], "created": batch.counts["rows"]}
        definition = {"kind": "all_members", "inactive_days": 30}
        assert selection.count(session, definition) == expected.targeted
