"""Who makes a hit: browsers and mail clients are people, programs are not, and what only several hits show."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.tracking import actors, browsers
from domain.tracking.actors import Actor, Asked, Seen
from kernel.ids import new_id
from tests.domain.tracking import agents

PHONE = agents.BROWSERS[-20]
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def asked(agent: str = PHONE, *, kind: str = "clicked", method: str = "GET", **more) -> Asked:
    return Asked(kind, method, more.pop("prefetch", False), agent, **more)


def test_at_most_one_in_a_hundred_browsers_and_mail_clients_counts_as_a_machine():
    assert len(agents.BROWSERS) >= 200
    assert len(set(agents.BROWSERS)) == len(agents.BROWSERS)
    wrong = [agent for agent in agents.BROWSERS if browsers.look(agent) != ("human", None)]
    assert len(wrong) <= len(agents.BROWSERS) // 100, wrong


def test_at_least_ninety_nine_in_a_hundred_crawlers_count_as_machines():
    assert len(agents.CRAWLERS) >= 300
    wrong = [agent for agent in agents.CRAWLERS if browsers.look(agent)[0] != "machine"]
    assert len(wrong) <= len(agents.CRAWLERS) // 100, wrong


def test_the_two_mail_proxies_open_for_people_and_click_for_nobody():
    for agent in agents.PROXIES:
        assert actors.judge(asked(agent, kind="opened"), since_accepted=MINUTE).actor is Actor.PROXY
        assert actors.judge(asked(agent), since_accepted=MINUTE).actor is Actor.MACHINE


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
def test_whoever_asks_without_reading_is_a_machine(method):
    assert actors.judge(asked(method=method), since_accepted=MINUTE) == actors.Verdict(Actor.MACHINE, "method")


def test_a_prefetch_is_a_machines():
    assert actors.judge(asked(prefetch=True), since_accepted=MINUTE) == actors.Verdict(Actor.MACHINE, "prefetch")


def test_apples_bare_agent_is_a_prefetch_for_pictures_and_unfamiliar_for_links():
    opened = actors.judge(asked("Mozilla/5.0", kind="opened"), since_accepted=MINUTE)
    clicked = actors.judge(asked("Mozilla/5.0"), since_accepted=MINUTE)
    assert (opened.actor, opened.reason) == ("machine", "mail_privacy")
    assert (clicked.actor, clicked.reason) == ("machine", "unfamiliar_agent")


def test_whoever_says_nothing_is_unknown():
    assert actors.judge(asked(""), since_accepted=MINUTE) == actors.Verdict(Actor.UNKNOWN, "no_agent")


@pytest.mark.parametrize(
    ("seconds", "actor"), [(0, "machine"), (4.999, "machine"), (5, "human"), (-1, "machine"), (None, "human")]
)
def test_what_comes_within_five_seconds_of_the_acceptance_is_a_machines(seconds, actor):
    since = None if seconds is None else timedelta(seconds=seconds)
    assert actors.judge(asked(), since_accepted=since).actor == actor


def test_the_link_that_nobody_sees_is_followed_by_machines():
    verdict = actors.judge(asked(link_n=actors.HONEYPOT), since_accepted=MINUTE)
    assert (verdict.actor, verdict.reason) == ("machine", "honeypot")


def hit(second: float, link_n: int | None = 0, *, kind: str = "clicked", actor: str = "human", **more) -> Seen:
    return Seen(
        new_id(), NOON + timedelta(seconds=second), kind, actor, more.get("reason"), link_n,
        more.get("network", "203.0.113.0/24"), more.get("agent", PHONE),
    )  # fmt: skip


def marked(hits: list[Seen], links: int = 5) -> list[int]:
    found = actors.bursts(hits, links)
    return [n for n, seen in enumerate(hits) if seen.id in found]


def test_three_links_within_two_seconds_are_a_burst_and_three_clicks_on_one_are_not():
    assert marked([hit(0, 0), hit(0.9, 1), hit(2, 2)]) == [0, 1, 2]
    assert marked([hit(0, 0), hit(1, 0), hit(2, 0)]) == []
    assert marked([hit(0, 0), hit(1.1, 1), hit(2.2, 2)]) == []
    assert marked([hit(0, 0), hit(1, 1)]) == []


def test_every_link_of_a_mail_within_two_seconds_is_a_burst_where_it_has_several():
    assert marked([hit(0, 0), hit(1.5, 1)], links=2) == [0, 1]
    assert marked([hit(0, 0)], links=1) == []
    assert marked([hit(0, 0), hit(30, 0)], links=1) == []


def test_a_burst_takes_with_it_what_came_ten_seconds_before_and_what_follows_closely():
    before, after = hit(-9.9, None, kind="opened"), hit(3.9, 3)
    far, other = hit(-10.1, None, kind="opened"), hit(40, 4)
    stranger = hit(8, 4, network="198.51.100.0/24")
    hits = [far, before, hit(0, 0), hit(1, 1), hit(2, 2), after, stranger, other]
    assert marked(hits) == [1, 2, 3, 4, 5]


def test_the_same_caller_is_a_machine_for_ten_seconds_after_its_burst():
    hits = [hit(0.5, 0, actor="machine", reason="too_soon"), hit(7, 1), hit(9, 2, agent="another"), hit(30, 3)]
    assert marked(hits) == [1]


def test_a_click_on_the_hidden_link_marks_what_came_with_it():
    hits = [hit(0, 0), hit(6, -1, actor="machine", reason="honeypot"), hit(7, 1)]
    assert marked(hits) == [0, 2]


def test_a_mail_proxy_stays_a_proxy_within_a_burst():
    hits = [hit(0, None, kind="opened", actor="proxy"), hit(0.1, 0), hit(0.2, 1), hit(0.3, 2)]
    assert marked(hits) == [1, 2, 3]


@given(
    st.lists(
        st.tuples(
            st.floats(0, 60), st.integers(0, 5), st.sampled_from(["opened", "clicked"]),
            st.sampled_from(["human", "machine", "proxy", "unknown"]), st.sampled_from([None, "too_soon", "agent"]),
        ),
        max_size=40,
    ),
    st.integers(0, 6),
)  # fmt: skip
def test_only_people_and_unknowns_are_marked_and_marking_twice_changes_nothing(shapes, links):
    hits = [hit(s, n if kind == "clicked" else None, kind=kind, actor=actor, reason=why)
            for s, n, kind, actor, why in shapes]  # fmt: skip
    found = actors.bursts(hits, links)
    open_ = {seen.id for seen in hits if seen.actor in {"human", "unknown"}}
    assert set(found) <= open_
    assert set(actors.bursts(list(reversed(hits)), links)) == set(found)
    for one in found.values():
        assert one in {"burst", "too_soon", "honeypot"}
    assert isinstance(next(iter(found), UUID(int=0)), UUID)


@given(st.text(max_size=300))
def test_any_agent_gets_a_verdict(agent):
    actor, reason = browsers.look(agent)
    assert actor in set(Actor)
    assert (actor == "human") == (reason is None)
