"""Credentials are kept sealed, opened for the provider alone, and never move."""

import base64
import secrets
from datetime import UTC, datetime, timedelta

import make
import pytest
from sqlalchemy import create_engine, text

from domain.audit import service as audit
from domain.identity import service as identity
from domain.senders import accounts, checks, domains, rotation, service
from domain.senders.kinds import KINDS
from kernel import db, settings, vault
from kernel.egress import Unreachable
from kernel.errors import Conflict, Invalid, NotFound
from models import ProviderAccount
from tests.fakes import telegram as telegrams
from tests.fakes import twilio as twilios
from tests.fakes.smtp_sink import SmtpSink
from tests.fakes.telegram import FakeTelegram
from tests.fakes.twilio import FakeTwilio

SID = "AC" + "0" * 32
SMTP = {"host": "relay.example", "port": 587, "security": "starttls", "user": "studio"}
BOT = "123456789:" + "b" * 35


def account(session, kind: str = "smtp", secret: str = "correct horse battery", **changes) -> ProviderAccount:
    given = {"smtp": SMTP, "twilio": {"account_sid": SID}, "telegram": {}}[kind]
    return accounts.create(
        session, kind=kind, label="L", settings=changes.pop("settings", given), secret=secret, actor="t", **changes
    )


@pytest.fixture
def loopback(database):
    """Tenants' relays may stand on this machine."""
    before = settings.get_settings()
    settings.use(before.model_copy(update={"relay_networks": "127.0.0.0/8"}))
    yield
    settings.use(before)


def test_a_dump_of_the_database_holds_none_of_the_secrets(database, tenants):
    planted = []
    for tenant_id in (tenants.a, tenants.b):
        with db.tenant_session(tenant_id) as session:
            for n in range(4):
                password, token = secrets.token_urlsafe(18), secrets.token_hex(16)
                bot = f"1234567{n}:{secrets.token_urlsafe(26)}"
                account(session, secret=password)
                account(session, "twilio", token)
                made = account(session, "telegram", bot)
                planted += [password, token, bot, accounts.webhook_secret_of(made)]
                assert accounts.secret_of(made) == bot
                accounts.replace_secret(session, made.id, secret=(again := f"99999{n}:{'q' * 30}{n}"), actor="t")
                planted.append(again)
            domain = domains.add(session, domain="studio.example", actor="t")
            planted += [base64.b64encode(domains._private(key)).decode() for key in domains.keys_of(session, domain)]
    dump = dumped(database)
    assert len(planted) > 40
    assert "relay.example" in dump
    assert [one for one in planted if one in dump or one.encode().hex() in dump] == []
    assert [one for one in planted if one[:-4] in dump] == []


def dumped(database) -> str:
    engine = create_engine(db.driver_url(database.owner_url))
    try:
        with engine.connect() as connection:
            tables = connection.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).scalars()
            found = []
            for table in tables.all():
                for tenant in connection.execute(text("SELECT tenant_id FROM tenant_route")).scalars().all():
                    connection.execute(text("SELECT set_config('app.tenant', :t, true)"), {"t": str(tenant)})
                    found += connection.execute(text(f'SELECT t::text FROM "{table}" t')).scalars().all()
            return "\n".join(found)
    finally:
        engine.dispose()


def test_a_ciphertext_that_is_moved_does_not_open(tenants):
    with db.tenant_session(tenants.a) as session:
        first, second = account(session), account(session)
        sealed = first.sealed_secret
        for moved in (
            ProviderAccount(id=second.id, tenant_id=tenants.a, sealed_secret=sealed),
            ProviderAccount(id=first.id, tenant_id=tenants.b, sealed_secret=sealed),
            ProviderAccount(id=first.id, tenant_id=tenants.a, sealed_secret=first.sealed_webhook_secret),
        ):
            with pytest.raises(vault.BadSeal):
                accounts.secret_of(moved)
        assert accounts.secret_of(first) == "correct horse battery"


def test_the_address_of_webhooks_leads_to_tenant_and_account_and_no_other_does(tenants):
    with db.tenant_session(tenants.a) as session:
        made = account(session, "telegram", BOT)
        path, account_id = made.path_token, made.id
    assert accounts.by_path(path) == (tenants.a, account_id)
    for wrong in ("", path[:-1], path.swapcase(), str(account_id), "x" * 300):
        with pytest.raises(NotFound):
            accounts.by_path(wrong)
    with db.tenant_session(tenants.a) as session:
        accounts.delete(session, account_id, actor="t")
    with pytest.raises(NotFound):
        accounts.by_path(path)


def test_an_api_key_is_no_address_of_webhooks(tenants):
    with db.tenant_session(tenants.a) as session:
        key = identity.issue_key(session, name="x", actor="t").secret
    with pytest.raises(NotFound):
        accounts.by_path(key)


def test_another_tenants_account_is_not_found(tenants):
    with db.tenant_session(tenants.a) as session:
        mine = account(session).id
    with db.tenant_session(tenants.b) as session:
        for ask in (
            lambda: accounts.get(session, mine),
            lambda: accounts.replace_secret(session, mine, secret="x", actor="t"),
            lambda: accounts.pause(session, mine, "x"),
            lambda: accounts.resume(session, mine, actor="t"),
            lambda: accounts.delete(session, mine, actor="t"),
        ):
            with pytest.raises(NotFound):
                ask()
        with pytest.raises(NotFound):
            service.add(
                session, channel="email", from_name="x", from_address="a@b.example", reply_to=None, is_default=False,
                account_id=mine, actor="t",
            )  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "changes", "field"),
    [
        ("fax", {}, "kind"),
        ("smtp", {"settings": {}}, "settings.host"),
        ("smtp", {"settings": SMTP | {"host": "a b"}}, "settings.host"),
        ("smtp", {"settings": SMTP | {"url": "x"}}, "settings.url"),
        ("smtp", {"settings": SMTP | {"security": "none"}}, "settings.security"),
        ("smtp", {"settings": SMTP | {"security": "plain"}}, "settings.security"),
        ("smtp", {"settings": {"host": "relay.example"}}, "settings.user"),
        ("smtp", {"secret": "two\r\nlines"}, "secret"),
        ("twilio", {"settings": {"account_sid": "AC1"}, "secret": "a" * 32}, "settings.account_sid"),
        ("twilio", {"settings": {"account_sid": SID, "numbers": []}, "secret": "a" * 32}, "settings.numbers"),
        ("twilio", {"settings": {"account_sid": SID, "numbers": ["0151"]}, "secret": "a" * 32}, "settings.numbers"),
        ("twilio", {"secret": "short"}, "secret"),
        ("telegram", {"secret": "no token"}, "secret"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(tenants, kind, changes, field):
    given = {"smtp": SMTP, "twilio": {"account_sid": SID}, "telegram": {}, "fax": {}}[kind]
    with db.tenant_session(tenants.a) as session, pytest.raises(Invalid) as refusal:
        accounts.create(
            session, **{"kind": kind, "label": "L", "settings": given, "secret": "pw", "actor": "t"} | changes
        )
    assert refusal.value.extra["field"] == field
    assert "correct horse" not in refusal.value.detail


def test_of_a_short_secret_no_end_is_kept(tenants):
    with db.tenant_session(tenants.a) as session:
        assert account(session, secret="hunter2").last_four == ""
        assert account(session, secret="0123456789abcdef").last_four == "cdef"


def test_a_pause_ends_by_itself_or_by_a_person(tenants, frozen_clock):
    start = datetime(2026, 3, 1, tzinfo=UTC)
    frozen_clock(start)
    with db.tenant_session(tenants.a) as session:
        made = account(session, "telegram", BOT)
        accounts.pause(session, made.id, "retry_after", start + timedelta(seconds=7))
        assert not accounts.is_open(made)
        frozen_clock(start + timedelta(seconds=7))
        assert accounts.is_open(made)
        accounts.pause(session, made.id, "bad token")
        frozen_clock(start + timedelta(days=900))
        assert not accounts.is_open(made)
        accounts.resume(session, made.id, actor="t")
        assert accounts.is_open(made)
        assert audit.verify(session) is None


def test_an_account_that_a_sender_uses_stays(tenants):
    with db.tenant_session(tenants.a) as session:
        made = account(session)
        make.sender(session)
        sender = session.execute(text("SELECT id FROM sender")).scalar_one()
        service.send_through(session, sender, made.id, actor="t")
        with pytest.raises(Conflict) as refusal:
            accounts.delete(session, made.id, actor="t")
        assert refusal.value.code == "in_use"
        service.send_through(session, sender, None, actor="t")
        accounts.delete(session, made.id, actor="t")
        with pytest.raises(NotFound):
            accounts.get(session, made.id)


@pytest.mark.parametrize(
    ("channel", "kind", "address"),
    [
        ("sms", "twilio", "+4915112345678"),
        ("whatsapp", "twilio", "+4915112345678"),
        ("telegram", "telegram", "StudioBot"),
    ],
)
def test_a_channel_needs_an_account_of_its_kind(tenants, channel, kind, address):
    with db.tenant_session(tenants.a) as session:
        right = account(session, kind, {"twilio": "a" * 32, "telegram": BOT}[kind])
        wrong = account(session)
        fields = {"channel": channel, "from_name": "x", "reply_to": None, "is_default": False, "actor": "t"}
        for account_id, given, field in (
            (None, address, "account_id"), (wrong.id, address, "account_id"), (right.id, "a@b.example", "from_address"),
        ):  # fmt: skip
            with pytest.raises(Invalid) as refusal:
                service.add(session, from_address=given, account_id=account_id, **fields)
            assert refusal.value.extra["field"] == field
        first = service.add(session, from_address=address, account_id=right.id, **fields)
        second = service.add(session, from_address=address, account_id=right.id, **fields | {"is_default": True})
        session.refresh(first)
        assert (first.is_default, second.is_default) == (False, True)


def test_rotation_seals_everything_anew_and_loses_nothing(tenants):
    before = settings.get_settings()
    old, new = (secrets.token_urlsafe(32) for _ in range(2))
    made = {}
    try:
        for tenant_id in (tenants.a, tenants.b):
            with db.tenant_session(tenant_id) as session:
                made[tenant_id] = account(session, secret=f"secret of {tenant_id}").id
                domains.add(session, domain="studio.example", actor="t")
        for keys, old_id, new_id_ in ((f"1:{old}", 0, 1), (f"2:{new},1:{old}", 1, 2)):
            settings.use(before.model_copy(update={"vault_keys": type(before.vault_keys)(keys)}))
            with db.tenant_session(tenants.a) as session:
                row = accounts.get(session, made[tenants.a])
                assert vault.key_id_of(row.sealed_secret) == old_id
                assert accounts.secret_of(row) == f"secret of {tenants.a}"
            assert rotation.reseal_all() >= 6
            assert rotation.reseal_all() == 0
            with db.tenant_session(tenants.a) as session:
                assert vault.key_id_of(accounts.get(session, made[tenants.a]).sealed_secret) == new_id_
        settings.use(before.model_copy(update={"vault_keys": type(before.vault_keys)(f"2:{new}")}))
        for tenant_id in (tenants.a, tenants.b):
            with db.tenant_session(tenant_id) as session:
                row = accounts.get(session, made[tenant_id])
                assert accounts.secret_of(row) == f"secret of {tenant_id}"
                assert accounts.webhook_secret_of(row)
                signer = domains.signers_for(session, "studio.example")
                assert signer is not None
                assert signer.sign(b"From: a@studio.example\r\n\r\n").count(b"DKIM-Signature:") == 2
    finally:
        settings.use(before)


def test_a_check_goes_the_whole_way_to_the_relay(tenants, loopback):
    with SmtpSink(users={"studio": "right password"}) as sink:
        given = {"host": "127.0.0.1", "port": sink.port, "security": "plain", "user": "studio"}
        with db.tenant_session(tenants.a) as session:
            good = account(session, secret="right password", settings=given).id
            bad = account(session, secret="wrong password", settings=given).id
        assert checks.try_out(tenants.a, good).check_problem is None
        problem = checks.try_out(tenants.a, bad).check_problem
        assert sink.count == 0
    assert "does not take the user name or password" in problem
    assert "Correct the account" in problem
    assert "wrong password" not in problem
    with db.tenant_session(tenants.a) as session:
        assert accounts.get(session, bad).check_problem == problem
        assert accounts.get(session, bad).checked_at is not None
    with pytest.raises(NotFound):
        checks.try_out(tenants.b, good)


@pytest.fixture
def providers(database):
    before = settings.get_settings()
    with FakeTwilio() as twilio, FakeTelegram() as telegram:
        settings.use(before.model_copy(update={"twilio_url": twilio.url, "telegram_url": telegram.url}))
        yield
    settings.use(before)


@pytest.mark.parametrize(
    ("kind", "given", "right", "wrong", "name"),
    [
        ("twilio", {"account_sid": twilios.SID}, twilios.TOKEN, "e" * 32, "Twilio"),
        ("telegram", {}, telegrams.TOKEN, "987654321:" + "x" * 35, "Telegram"),
    ],
)
def test_a_check_asks_the_provider(tenants, providers, kind, given, right, wrong, name):
    with db.tenant_session(tenants.a) as session:
        good = account(session, kind, right, settings=given).id
        bad = account(session, kind, wrong, settings=given).id
    assert checks.try_out(tenants.a, good).check_problem is None
    problem = checks.try_out(tenants.a, bad).check_problem
    assert f"{name} does not take the credentials" in problem
    assert wrong not in problem


@pytest.mark.parametrize("kind", ["twilio", "telegram"])
def test_a_provider_that_is_away_is_not_a_wrong_secret(tenants, providers, kind):
    nowhere = "http://127.0.0.1:9"
    settings.use(settings.get_settings().model_copy(update={"twilio_url": nowhere, "telegram_url": nowhere}))
    with db.tenant_session(tenants.a) as session:
        made = account(session, kind, {"twilio": twilios.TOKEN, "telegram": telegrams.TOKEN}[kind]).id
    assert "cannot be asked now" in checks.try_out(tenants.a, made).check_problem


def test_every_kind_of_account_has_a_check():
    assert set(checks.CHECKS) == set(KINDS) == set(service.ACCOUNT_OF.values())


INSIDE = [
    "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "localhost", "::1", "0.0.0.0", "10.0.0.1",
    "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "224.0.0.1", "::ffff:127.0.0.1", "::127.0.0.1",
    "64:ff9b::7f00:1", "2002:7f00:1::", "2001::1", "fe80::1", "fd00::1", "ff02::1",
]  # fmt: skip


@pytest.mark.parametrize("host", INSIDE)
def test_a_tenants_relay_never_leads_inside(tenants, host):
    with SmtpSink() as sink:
        with db.tenant_session(tenants.a) as session:
            made = account(session, settings=SMTP | {"host": host, "port": 2525}).id
            ours = account(session, settings=SMTP | {"host": host, "port": sink.port}).id
        for account_id in (made, ours):
            problem = checks.try_out(tenants.a, account_id).check_problem
            assert "settings." in problem
        assert sink.connections == 0


def test_a_name_without_an_address_may_get_one_later(tenants):
    with db.tenant_session(tenants.a) as session:
        made = account(session, settings=SMTP | {"host": "relay.invalid"})
        with pytest.raises(Unreachable):
            checks.relay_of_account(made, helo="x.localhost")
        account_id = made.id
    assert "try again later" in checks.try_out(tenants.a, account_id).check_problem


def test_a_port_that_is_none_of_mail_is_refused(tenants):
    with db.tenant_session(tenants.a) as session:
        made = account(session, settings=SMTP | {"host": "93.184.215.14", "port": 22}).id
    assert "settings.port" in checks.try_out(tenants.a, made).check_problem


def test_the_relay_of_an_account_is_the_address_that_was_judged(tenants, loopback):
    with SmtpSink() as sink, db.tenant_session(tenants.a) as session:
        made = account(session, secret="", settings={"host": "localhost", "port": sink.port, "security": "plain"})
        relay = checks.relay_of_account(made, helo="studio.localhost")
    assert (relay.host, relay.address, relay.helo) == ("localhost", "127.0.0.1", "studio.localhost")


@pytest.mark.parametrize("text_", ["127.0.0.0/99", "10.0.0.1/8", "::/x", "relay.example"])
def test_a_private_network_that_is_none_stops_the_start(text_):
    with pytest.raises(ValueError, match="relay_networks"):
        settings.Settings(relay_networks=text_)
