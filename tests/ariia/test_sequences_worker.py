"""A welcome, by the worker inside the process: from the commit to the mailbox, with nobody asking."""

import time
from collections.abc import Callable

import make
from fakes.smtp_sink import SmtpSink
from walking import delay, live, message, ready

from ariia import worker
from kernel import db, settings


def until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 300
    while not what():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def test_a_new_member_gets_the_welcome_after_the_commit_and_the_other_tenants_does_not(tenants):
    for tenant_id in (tenants.a, tenants.b):
        ready(tenant_id)
    before = settings.get_settings()
    with SmtpSink() as sink:
        settings.use(before.model_copy(update={"smtp_url": sink.url, "smtp_sessions": 2}))
        running = worker.start_in_process()
        try:
            with db.tenant_session(tenants.a) as session:
                live(session, message("hello"), delay("d", days=1), trigger={"type": "member_created"})
            with db.tenant_session(tenants.b) as session:
                make.sender(session)
                make.member(session, "other@example.org")
            with db.tenant_session(tenants.a) as session:
                make.member(session, "new@example.org", first_name="Ada")
            until(lambda: sink.count == 1)
        finally:
            running.stop()
            settings.use(before)
        assert [each.rcpt_to for each in sink.messages] == [("new@example.org",)]
