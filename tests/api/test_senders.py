"""Senders, accounts and domains over HTTP: secrets go in and never come out."""

import secrets

import pytest

from domain.delivery import return_path
from domain.identity import service as identity
from domain.identity.rules import Role
from domain.senders import accounts
from kernel import db, settings
from tests.api.conftest import Client
from tests.fakes.dns import FakeDns
from tests.fakes.smtp_sink import SmtpSink

SMTP = {"kind": "smtp", "label": "Relay", "settings": {"host": "relay.example", "user": "studio"}}


@pytest.fixture
def changed(database):
    """Change settings of the process for one test."""
    before = settings.get_settings()
    yield lambda **values: settings.use(before.model_copy(update=values))
    settings.use(before)


def made(client, **fields):
    answer = client.post("/accounts", SMTP | {"secret": "correct horse battery"} | fields)
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_no_answer_ever_holds_a_secret(clients, tenants):
    a, _ = clients
    secret, second = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
    account = made(a, secret=secret)
    path = f"/accounts/{account['id']}"
    with db.tenant_session(tenants.a) as session:
        row = accounts.get(session, account["id"])
        hidden = [secret, second, accounts.webhook_secret_of(row), row.sealed_secret.hex()]
    assert account["secret"] == f"••••{secret[-4:]}"
    answers = [
        a.get(path),
        a.get("/accounts"),
        a.call("PUT", f"{path}/secret", {"secret": second}),
        a.post(f"{path}/pause", {"reason": "Wartung"}),
        a.post(f"{path}/resume"),
        a.get("/audit"),
        a.post("/accounts", SMTP | {"secret": secret, "kind": "telegram"}),
        a.post("/accounts", SMTP | {"secret": f"{secret}\n{secret}"}),
        a.post("/accounts", SMTP | {"secret": [secret]}),
        a.call("PUT", f"{path}/secret", {"secret": secret, "last_four": second}),
    ]
    for answer in answers:
        assert not any(one in answer.text for one in hidden), answer.text
    assert [answer.status_code for answer in answers] == [200] * 6 + [422] * 4
    assert a.get(path).json()["secret"] == f"••••{second[-4:]}"


@pytest.mark.parametrize(
    "field", ["tenant_id", "path_token", "sealed_secret", "last_four", "state", "checked_at", "created_by"]
)
def test_what_is_ours_cannot_be_written(clients, field):
    a, _ = clients
    assert a.post("/accounts", SMTP | {"secret": "pw", field: "x"}).status_code == 422


def test_the_path_of_webhooks_is_shown_where_there_are_any(clients):
    a, _ = clients
    bot = made(a, kind="telegram", settings={}, secret="123456789:" + "b" * 35)
    assert bot["webhook_path"].startswith("/hooks/telegram/")
    assert len(bot["webhook_path"].rpartition("/")[2]) >= 22
    assert made(a)["webhook_path"] is None


def test_an_account_in_use_is_kept_and_another_tenants_is_not_found(clients):
    a, b = clients
    account = made(a)["id"]
    sender = a.get("/senders").json()["items"][0]["id"]
    assert (
        b.call(
            "PUT", f"/senders/{b.get('/senders').json()['items'][0]['id']}/account", {"account_id": account}
        ).status_code
        == 404
    )
    assert a.call("PUT", f"/senders/{sender}/account", {"account_id": account}).json()["account_id"] == account
    refused = a.call("DELETE", f"/accounts/{account}")
    assert (refused.status_code, refused.json()["code"]) == (409, "in_use")
    assert a.call("PUT", f"/senders/{sender}/account", {"account_id": None}).status_code == 200
    assert b.call("DELETE", f"/accounts/{account}").status_code == 404
    assert a.call("DELETE", f"/accounts/{account}").status_code == 204
    assert a.get(f"/accounts/{account}").status_code == 404


def test_a_check_says_what_is_wrong_and_is_remembered(clients, changed):
    a, _ = clients
    changed(relay_networks="127.0.0.0/8")
    with SmtpSink(users={"studio": "right"}) as sink:
        given = {"host": "127.0.0.1", "port": sink.port, "security": "plain", "user": "studio"}
        account = made(a, settings=given, secret="wrong")
        answer = a.post(f"/accounts/{account['id']}/check").json()
        assert "user name or password" in answer["check_problem"]
        a.call("PUT", f"/accounts/{account['id']}/secret", {"secret": "right"})
        assert a.post(f"/accounts/{account['id']}/check").json()["check_problem"] is None
    assert a.get(f"/accounts/{account['id']}").json()["checked_at"] is not None


def test_a_text_sender_needs_its_account(clients):
    a, _ = clients
    twilio = made(a, kind="twilio", settings={"account_sid": "AC" + "0" * 32}, secret="a" * 32)["id"]
    sender = {"channel": "sms", "from_name": "Studio", "from_address": "+4915112345678"}
    assert a.post("/senders", sender).status_code == 422
    answer = a.post("/senders", sender | {"account_id": twilio})
    assert answer.status_code == 201
    assert answer.json()["is_default"]


def test_a_domain_shows_its_records_until_they_are_found(clients, changed):
    a, b = clients
    with FakeDns() as dns:
        changed(dns_server=dns.server)
        created = a.post("/sender-domains", {"domain": "Studio.Example."})
        assert created.status_code == 201, created.text
        domain = created.json()
        path = f"/sender-domains/{domain['id']}"
        assert domain["domain"] == "studio.example"
        assert {record["type"] for record in domain["records"]} == {"TXT"}
        assert len(domain["records"]) == 2
        assert a.post("/sender-domains", {"domain": "studio.example"}).json()["code"] == "domain_exists"
        assert a.post(f"{path}/check").json()["aligned"] is False
        for record in domain["records"]:
            dns.publish(record["name"], record["type"], record["value"])
        dns.publish("_dmarc.studio.example", "TXT", "v=DMARC1; p=quarantine")
        found = a.post(f"{path}/check").json()
        assert (found["aligned"], found["policy"], found["organisational_domain"]) == (
            True,
            "quarantine",
            "studio.example",
        )
        assert a.get(path).json()["findings"] == found["findings"]
        assert len(a.post(f"{path}/keys").json()["records"]) == 4
        assert b.post(f"{path}/check").status_code == 404
        changed_by = a.call("PUT", path, {"dkim": "relay", "relay_selector": "k1"}).json()
        assert (changed_by["aligned"], changed_by["records"]) == (None, [])
        assert a.post(f"{path}/keys").json()["code"] == "relay_signs"
        assert a.call("DELETE", path).status_code == 204
        assert a.get(path).status_code == 404


@pytest.mark.parametrize("domain", ["localhost", "a b.example", "ex*mple.com", "x@y.example", "-.example", "1.2.3.4"])
def test_what_is_no_domain_is_refused(clients, domain):
    a, _ = clients
    assert a.post("/sender-domains", {"domain": domain}).status_code == 422


def test_private_keys_of_a_domain_never_come_out(clients, tenants):
    a, _ = clients
    domain = a.post("/sender-domains", {"domain": "keys.example"}).json()
    for answer in (a.get(f"/sender-domains/{domain['id']}"), a.get("/sender-domains"), a.get("/audit")):
        assert "sealed" not in answer.text
        assert "PRIVATE" not in answer.text


def test_a_viewer_sees_and_changes_nothing(http, clients, tenants):
    a, _ = clients
    account = made(a)["id"]
    with db.tenant_session(tenants.a) as session:
        viewer = Client(http, identity.issue_key(session, name="v", actor="t", role=Role.VIEWER).secret)
    assert viewer.get(f"/accounts/{account}").status_code == 200
    assert viewer.post("/accounts", SMTP | {"secret": "x"}).status_code == 403
    assert viewer.post(f"/accounts/{account}/check").status_code == 403
    assert viewer.call("DELETE", f"/accounts/{account}").status_code == 403
    assert viewer.post("/sender-domains", {"domain": "x.example"}).status_code == 403


def test_a_domain_names_the_address_for_complaints_which_the_inbound_door_knows_as_ours(clients, tenants, changed):
    a, b = clients
    ours = a.post("/sender-domains", {"domain": "complaints.example"}).json()
    assert ours["complaints_to"] is None
    theirs = b.post("/sender-domains", {"domain": "complaints.example"}).json()
    changed(bounce_domain="Rueck.Studio.example")
    addresses = [c.get(f"/sender-domains/{row['id']}").json()["complaints_to"] for c, row in ((a, ours), (b, theirs))]
    for address, tenant_id in zip(addresses, (tenants.a, tenants.b), strict=True):
        signed = return_path.read(address, "rueck.studio.example", lambda _code: [tenants.a, tenants.b])
        assert (signed.tenant_id, signed.ref_id) == (tenant_id, tenant_id)
