"""Hits become events: who it was, first opens and clicks, proof of arrival, and nothing without the consent."""

import pytest
from sqlalchemy import func, select, text

from domain.consent import service as consents
from domain.tracking import queries
from kernel import db
from models import MessageEvent
from tests.domain.tracking import agents
from tests.domain.tracking.conftest import prepare


def test_a_persons_first_open_and_click_are_dated_and_later_ones_only_counted(sent):
    sent.keep(sent.hit(after=20), sent.hit("clicked", after=22))
    first = sent.messages()[0]
    sent.keep(sent.hit(after=40), sent.hit("clicked", link=1, after=42))
    again = sent.messages()[0]
    assert first.first_opened_at is not None
    assert first.first_opened_at < first.first_clicked_at
    assert (again.first_opened_at, again.first_clicked_at) == (first.first_opened_at, first.first_clicked_at)
    assert [kind for kind, actor, *_ in sent.events() if actor == "human"] == ["opened", "clicked"] * 2
    assert sent.messages()[1].first_opened_at is None


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"method": "HEAD"}, "method"),
        ({"method": "OPTIONS"}, "method"),
        ({"prefetch": True}, "prefetch"),
        ({"agent": "python-requests/2.32"}, "library"),
        ({"agent": "Mozilla/5.0 (compatible; bingbot/2.0)"}, "crawler"),
    ],
)
def test_a_machine_is_noted_as_one_and_opens_and_clicks_nothing(sent, more, reason):
    sent.keep(sent.hit(**more), sent.hit("clicked", **more))
    assert (sent.messages()[0].first_opened_at, sent.messages()[0].first_clicked_at) == (None, None)
    assert {event[:3] for event in sent.events()} == {("opened", "machine", reason), ("clicked", "machine", reason)}


def test_what_comes_within_seconds_of_the_acceptance_or_before_it_is_a_scanners(sent):
    sent.keep(sent.hit(after=4.8), sent.hit(n=1, after=5.2))
    with db.tenant_session(sent.tenant_id) as session:
        session.execute(text("UPDATE message SET state = 'sending', accepted_at = NULL"))
    sent.keep(sent.hit("clicked", 2))
    assert [event[:3] for event in sent.events()] == [
        ("opened", "machine", "too_soon"), ("opened", "human", None), ("clicked", "machine", "too_soon"),
    ]  # fmt: skip


def test_a_mail_proxy_opens_for_a_person(sent):
    sent.keep(sent.hit(agent=agents.PROXIES[0]))
    assert sent.messages()[0].first_opened_at is not None
    assert sent.events() == [("opened", "proxy", "mail_proxy", None)]


def test_caller_and_agent_are_kept_roughly(sent):
    sent.keep(sent.hit(agent="a\x00b" + "é" * 10))
    with db.tenant_session(sent.tenant_id) as session:
        details = session.execute(select(MessageEvent.details).where(MessageEvent.kind == "opened")).scalar_one()
    assert details["network"] == "203.0.113.0/24"
    assert details["agent"].startswith("ab")


def test_without_tracking_nothing_is_noted(sent):
    with db.tenant_session(sent.tenant_id) as session:
        session.execute(text("UPDATE message SET tracked = false"))
    sent.keep(sent.hit(), sent.hit("clicked"))
    assert sent.events() == []


def test_once_the_consent_is_taken_back_old_mails_tell_nothing_more(sent):
    sent.keep(sent.hit(after=20))
    with db.tenant_session(sent.tenant_id) as session:
        consents.record(
            session, sent.messages()[0].member_id, channel="email", purpose="tracking", state="withdrawn", source="t",
            actor="t", evidence={},
        )  # fmt: skip
    sent.keep(sent.hit("clicked"), sent.hit("clicked", 1))
    assert [(kind, link) for kind, _, _, link in sent.events()] == [("opened", None), ("clicked", 0)]
    assert sent.messages()[0].first_clicked_at is None


@pytest.mark.parametrize("tracked", [True, False])
def test_any_hit_proves_that_an_unknown_message_arrived(sent, tracked):
    with db.tenant_session(sent.tenant_id) as session:
        session.execute(text("UPDATE message SET state = 'unknown', accepted_at = NULL, tracked = :t"), {"t": tracked})
    sent.keep(sent.hit(method="HEAD"))
    states = [(message.state, message.accepted_at is not None) for message in sent.messages()]
    assert states == [("sent", True), ("unknown", False), ("unknown", False)]


def test_a_persons_click_on_an_unknown_message_is_a_persons(sent):
    with db.tenant_session(sent.tenant_id) as session:
        session.execute(text("UPDATE message SET state = 'unknown', accepted_at = NULL"))
    sent.keep(sent.hit("clicked"))
    assert sent.events() == [("clicked", "human", None, 0)]


def test_the_other_studio_keeps_nothing_about_it(sent, tenants):
    foreign = prepare(tenants.b, 1)
    sent_to_b = foreign.hit()._replace(message=sent.ids[0].bytes)
    foreign.keep(sent_to_b)
    assert sent.events() == []
    assert foreign.events() == []


def test_a_burst_is_marked_afterwards_and_dates_are_taken_back(sent):
    sent.keep(sent.hit(after=20), sent.hit("clicked", link=0, after=21))
    assert sent.messages()[0].first_clicked_at is not None
    sent.keep(sent.hit("clicked", link=1, after=22), sent.hit("clicked", link=2, after=22.5))
    assert {event[1:3] for event in sent.events()} == {("machine", "burst")}
    assert (sent.messages()[0].first_opened_at, sent.messages()[0].first_clicked_at) == (None, None)
    sent.keep(sent.hit("clicked", link=3, after=55))
    assert sent.messages()[0].first_clicked_at is not None


def test_the_application_may_change_nothing_else_about_an_event(sent):
    sent.keep(sent.hit("clicked"))
    with db.tenant_session(sent.tenant_id) as session:
        one = session.execute(select(MessageEvent.id).where(MessageEvent.kind == "clicked")).scalar_one()
        other = session.execute(select(MessageEvent.id).where(MessageEvent.kind == "pending")).scalars().first()
        for _ in range(2):
            asked = {"ids": [one, *([other] if other else [])], "reasons": ["burst", "burst"][: 1 + bool(other)]}
            session.execute(text("SELECT mark_hits(CAST(:ids AS uuid[]), CAST(:reasons AS text[]))"), asked)
    assert sent.events() == [("clicked", "machine", "burst", 0)]
    with pytest.raises(Exception, match="permission denied"), db.tenant_session(sent.tenant_id) as session:
        session.execute(text("UPDATE message_event SET actor = 'human'"))


def test_marking_cannot_reach_another_studio(sent, tenants):
    sent.keep(sent.hit("clicked"))
    with db.tenant_session(sent.tenant_id) as session:
        ids = list(session.execute(select(MessageEvent.id)).scalars())
    with db.tenant_session(tenants.b) as session:
        asked = {"ids": ids, "reasons": ["burst"] * len(ids)}
        session.execute(text("SELECT mark_hits(CAST(:ids AS uuid[]), CAST(:reasons AS text[]))"), asked)
    assert sent.events() == [("clicked", "human", None, 0)]


def test_scanners_on_a_thousand_mails_click_for_nobody(tenants):
    """Every way a gateway goes: at once, by HEAD first, all links in a second, slowly with the same agent."""
    sent = prepare(tenants.a, 1_000)
    chrome = agents.BROWSERS[0]
    found = []
    for n in range(1_000):
        way = n % 4
        if way == 0:
            found += [sent.hit("clicked", n, link=k, after=1 + k * 0.2, agent=chrome) for k in range(4)]
        elif way == 1:
            found += [sent.hit("clicked", n, link=k, after=20 + k * 0.3, agent=chrome, method="HEAD") for k in range(4)]
        elif way == 2:
            found += [sent.hit("clicked", n, link=k, after=25 + k * 0.5, agent=chrome) for k in range(4)]
        else:
            found += [sent.hit("clicked", n, link=k, after=3 + k * 4, agent=chrome) for k in range(3)]
        found.append(sent.hit("opened", n, after=2 + way * 8, agent=chrome))
    found.sort(key=lambda hit: hit.at)
    for start in range(0, len(found), 700):
        sent.keep(*found[start : start + 700])
    people = [event for event in sent.events() if event[:2] == ("clicked", "human")]
    assert people == []
    assert all(message.first_clicked_at is None for message in sent.messages())
    assert len(sent.events()) == len(found)


def test_people_count_once_per_link_and_never_more_than_were_sent_to(sent):
    for turn in range(5):
        sent.keep(*(sent.hit("clicked", n, link=turn % 2, after=10 + turn * 8) for n in range(3)))
    sent.keep(sent.hit("clicked", method="HEAD", link=1, after=59))
    with db.tenant_session(sent.tenant_id) as session:
        found = queries.links(session, sent.campaign_id)
        opened = session.execute(text("SELECT count(*) FROM message WHERE first_clicked_at IS NOT NULL")).scalar_one()
        total = session.execute(select(func.count()).select_from(MessageEvent).where(MessageEvent.kind == "clicked"))
    assert [(one.n, one.human_clicks, one.human_unique, one.machine_clicks) for one in found] == [
        (0, 9, 3, 0), (1, 6, 3, 1), (2, 0, 0, 0), (3, 0, 0, 0),
    ]  # fmt: skip
    assert opened == 3 == len(sent.ids)
    assert total.scalar_one() == 16
