"""What still comes in for a tenant that was taken away is answered like for one that never was."""

import re
from dataclasses import dataclass
from uuid import UUID

import make
import pytest
from sqlalchemy import create_engine, select

from domain.campaigns import previews
from domain.delivery import materialise
from domain.identity import service as identity
from domain.privacy import tenants as ending
from domain.tracking import ingest
from kernel import db
from kernel.errors import Unauthorised
from kernel.ids import new_id
from kernel.tokens import get_signer, hint_of
from models import Campaign, Message
from tests.preview.raw import raw

ONE_CLICK = {"List-Unsubscribe": "One-Click"}
_WAYS = (
    ("GET", "/u/{u}"),
    ("POST", "/u/{u}"),
    ("GET", "/preferences/{p}"),
    ("POST", "/preferences/{p}"),
    ("GET", "/t/c/{c}"),
    ("GET", "/t/o/{o}.gif"),
    ("GET", "/t/v/{v}.gif?id=1"),
)


@dataclass(frozen=True)
class Past:
    """What people and programs still hold of a tenant."""

    tenant_id: UUID
    tokens: dict[str, str]
    preview: str
    key: str


@pytest.fixture(autouse=True)
def _own_ingest(database):
    yield
    ingest.stop()


@pytest.fixture
def past(tenants, site) -> Past:
    with db.tenant_session(tenants.a) as session:
        make.sender(session)
        make.member(session, "jana@mail.example", first_name="Jana", tracking=True)
        campaign = make.started(session)
        materialise.materialise(session, campaign.id)
        message_id = session.execute(select(Message.id)).scalars().first()
        preview = previews.create(session, campaign.id, actor="t").token
        key = identity.issue_key(session, name="k", actor="t").secret
    return Past(tenants.a, tokens(tenants.a, message_id, campaign.id), preview, key)


def tokens(tenant_id, message_id, campaign_id):
    signer = get_signer()
    made = {kind: signer.sign(kind, tenant_id, message_id) for kind in "uovp"}
    return made | {"c": signer.sign("c", tenant_id, message_id, 0, hint_of(campaign_id, "de"))}


def answers(site, made):
    found = []
    for verb, path in _WAYS:
        body = ONE_CLICK if verb == "POST" else None
        status, _, said = raw(f"{site}{path.format(**made)}", verb, body)
        for token in made.values():
            said = said.replace(token, "TOKEN")
        found.append((verb, path, status, re.sub(r'"request_id":"[^"]+"', "", said)))
    return found


def erase(database, tenant_id):
    owner = create_engine(db.driver_url(database.owner_url))
    ending.begin(owner, tenant_id, reason="x")
    list(ending.sweep(owner, tenant_id))
    owner.dispose()
    return left_of(database, tenant_id)


def test_late_clicks_and_answers_are_those_of_nobody(past, site, database, tenants):
    assert raw(f"{site}/p/{past.preview}")[0] == 200
    assert erase(database, past.tenant_id) == {}
    nobody = new_id()
    late, strange = answers(site, past.tokens), answers(site, tokens(nobody, new_id(), new_id()))
    assert late == strange
    assert all(status < 500 for _, _, status, _ in late)
    assert next(status for _, path, status, _ in late if path.startswith("/t/c")) == 404
    assert raw(f"{site}/p/{past.preview}")[0] == raw(f"{site}/p/{'x' * 43}")[0] == 404
    ingest.current().flush()  # what the journal kept of a hit finds no message
    with db.tenant_session(past.tenant_id) as session:
        assert session.execute(select(Campaign.id)).all() == []
    with pytest.raises(Unauthorised):
        identity.authenticate(past.key)
    assert left_of(database, past.tenant_id) == {}


def left_of(database, tenant_id):
    owner = create_engine(db.driver_url(database.owner_url))
    with db.session_on(owner, tenant_id) as session:
        left = ending.left(session, tenant_id)
    owner.dispose()
    return {table: n for table, n in left.items() if n}
