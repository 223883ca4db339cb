"""Members on their way through a live sequence: in, on, out, once each, and never another tenant's."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import make
import pytest
from sqlalchemy import select, text
from walking import ACTOR, approve, delay, enrol, got, live, message, move, places, publish, ready, walk, wanted

from domain.audience import service as audience
from domain.campaigns import service as campaigns
from domain.consent import service as consents
from domain.delivery import recovery
from domain.delivery import service as delivery
from domain.sequences import entries, queries, service
from kernel import db
from kernel.errors import Conflict, PlanLimit
from models import Enrolment, Message

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def studio(tenants, frozen_clock):
    """Two tenants with sequences, on a clock of the test."""
    frozen_clock(START)
    for tenant_id in (tenants.a, tenants.b):
        ready(tenant_id)
    return tenants


def people(tenant_id: UUID, n: int, prefix: str = "m", **fields) -> list[UUID]:
    with db.tenant_session(tenant_id) as session:
        return [make.member(session, f"{prefix}{i}@example.org", **fields).id for i in range(n)]


def states(tenant_id: UUID, sequence_id: UUID) -> list[tuple[str, str | None, str | None]]:
    return [(row.state, row.reason, row.step) for row in places(tenant_id, sequence_id)]


def test_everybody_gets_each_step_once_and_the_other_tenant_nothing(studio, frozen_clock):
    with db.tenant_session(studio.a) as session:
        sequence_id = live(session, message("hello"), delay("d", days=2), message("more"))
    with db.tenant_session(studio.b) as session:
        other = live(session, message("hello"))
    ids = people(studio.a, 3)
    assert len(enrol(studio.a, sequence_id, *ids)) == 3
    assert enrol(studio.a, sequence_id, *ids) == []
    move(studio.a)
    assert [step for step, *_ in got(studio.a, sequence_id)] == ["hello"] * 3
    walk(studio.a, START + 3 * DAY, frozen_clock)
    assert sorted(got(studio.a, sequence_id)) == [("hello", "pending", None)] * 3 + [("more", "pending", None)] * 3
    assert states(studio.a, sequence_id) == [("completed", None, None)] * 3
    move(studio.a)
    assert len(got(studio.a, sequence_id)) == 6
    move(studio.b)
    assert got(studio.b, other) == []
    with db.tenant_session(studio.b) as session:
        assert places(studio.b, sequence_id) == []
        with pytest.raises(Exception, match="no sequence"):
            entries.enrol_by_hand(session, sequence_id, ids, actor=ACTOR)


def test_branches_follow_rules_behaviour_and_the_tags_that_a_step_sets(studio, frozen_clock):
    with db.tenant_session(studio.a) as session:
        opened = {"type": "did", "what": "opened", "step": "hello"}
        tagged = {"type": "rule", "rule": {"type": "tag", "any_of": ["vip"]}}
        sequence_id = live(
            session,
            message("hello"),
            delay("d", hours=24),
            {"type": "condition", "key": "opened", "test": opened, "no": "quiet"},
            {"type": "tag", "key": "mark", "add": ["vip"], "remove": ["new"]},
            {"type": "condition", "key": "vip", "test": tagged, "yes": "thanks", "no": "end"},
            message("thanks", next="end"),
            message("quiet"),
        )
    reader, sleeper = people(studio.a, 2, tags=["new", "x"])
    enrol(studio.a, sequence_id, reader, sleeper)
    move(studio.a)
    with db.tenant_session(studio.a) as session:
        session.execute(text("UPDATE message SET first_opened_at = now() WHERE member_id = :m"), {"m": reader})
    walk(studio.a, START + 2 * DAY, frozen_clock)
    assert [step for step, *_ in got(studio.a, sequence_id, reader)] == ["hello", "thanks"]
    assert [step for step, *_ in got(studio.a, sequence_id, sleeper)] == ["hello", "quiet"]
    with db.tenant_session(studio.a) as session:
        assert sorted(audience.get(session, reader).tags) == ["vip", "x"]
        assert sorted(audience.get(session, sleeper).tags) == ["new", "x"]


def test_opt_outs_complaints_bounces_goals_erasure_and_people_end_it(studio, frozen_clock):
    rule = {"type": "rule", "rule": {"type": "tag", "any_of": ["bought"]}}
    with db.tenant_session(studio.a) as session:
        sequence_id = live(session, message("a"), delay("d", days=1), message("b"), goals=[rule, {"type": "converted"}])
    stopped, angry, dead, bought, converted, gone, taken, stays = people(studio.a, 8)
    enrol(studio.a, sequence_id, stopped, angry, dead, bought, converted, gone, taken, stays)
    move(studio.a)
    with db.tenant_session(studio.a) as session:
        first = {row.member_id: row for row in session.query(Message).all()}
        delivery.unsubscribe(session, first[stopped].id, source="link")
        for member_id, reason in ((angry, "complained"), (dead, "hard_bounce")):
            consents.suppress(
                session,
                channel="email",
                address_norm=first[member_id].address_norm,
                reason=reason,
                source="t",
                actor="t",
            )
        audience.change(session, bought, actor="t", contact={}, changes={"tags": ["bought"]})
        session.execute(
            text(
                "INSERT INTO conversion (id, tenant_id, external_id, goal, currency, source, attribution, campaign_id, "
                "message_id, member_id) SELECT new_id(), tenant_id, 'x', 'sale', 'EUR', 'api', 'message', campaign_id, "
                "id, member_id FROM message WHERE member_id = :m"
            ),
            {"m": converted},
        )
        audience.delete(session, gone, actor="t")
        row = next(row for row in places(studio.a, sequence_id) if row.member_id == taken)
        entries.leave(session, sequence_id, row.id, actor=ACTOR)
    walk(studio.a, START + 2 * DAY, frozen_clock)
    ended = {row.member_id: (row.state, row.reason) for row in places(studio.a, sequence_id)}
    assert ended == {
        stopped: ("exited", "unsubscribed"), angry: ("exited", "complained"), dead: ("exited", "bounced"),
        bought: ("exited", "goal"), converted: ("exited", "goal"), None: ("exited", "erased"),
        taken: ("exited", "manual"), stays: ("completed", None),
    }  # fmt: skip
    assert [step for step, *_ in got(studio.a, sequence_id)].count("b") == 1
    for left in (stopped, angry, dead, bought, converted, taken):  # what nobody handed over stays here
        assert got(studio.a, sequence_id, left) == [("a", "cancelled", "left_sequence")]
    assert got(studio.a, sequence_id, stays) == [("a", "pending", None), ("b", "pending", None)]
    with db.tenant_session(studio.a) as session:
        told = session.execute(
            text("SELECT kind, count(*) FROM message_event WHERE reason = 'left_sequence' GROUP BY 1")
        )
        assert told.all() == [("cancelled", 6)]


def test_who_may_not_be_written_to_has_a_row_that_says_why(studio):
    with db.tenant_session(studio.a) as session:
        sequence_id = live(session, message("a"))
        silent = make.member(session, "s@example.org", consent=False).id
        nowhere = make.member(session, None).id
        first = make.member(session, "same@example.org").id
    enrol(studio.a, sequence_id, first)
    move(studio.a)
    with db.tenant_session(studio.a) as session:
        twin = make.member(session, "same@example.org").id
    enrol(studio.a, sequence_id, silent, nowhere, twin)
    move(studio.a)
    assert got(studio.a, sequence_id, silent) == [("a", "skipped", "no_consent")]
    assert got(studio.a, sequence_id, nowhere) == [("a", "skipped", "no_address")]
    assert got(studio.a, sequence_id, first) == [("a", "pending", None)]
    assert got(studio.a, sequence_id, twin) == [("a", "skipped", "shared_address")]


def test_a_sequence_goes_live_only_when_every_message_is_approved_and_the_plan_has_it(studio):
    with db.tenant_session(studio.a) as session:
        make.sender(session)
        row = service.create(session, name="x", wanted=wanted(message("a"), message("b")), actor=ACTOR)
        approve(session, UUID(row.campaigns["a"]))
        with pytest.raises(Conflict, match="Not approved yet: b"):
            service.publish(session, row.id, actor=ACTOR)
        with pytest.raises(Conflict, match="step of a sequence"):
            campaigns.start(session, UUID(row.campaigns["a"]), actor=ACTOR)
        publish(session, row.id)
        assert service.get(session, row.id).status == "live"
        session.execute(text("UPDATE tenant SET tier = 'business'"))
        session.expire_all()
        for refused in (
            lambda: service.create(session, name="y", wanted=wanted(message("a")), actor=ACTOR),
            lambda: entries.enrol_by_hand(session, row.id, [], actor=ACTOR),
        ):
            with pytest.raises(PlanLimit, match="enterprise"):
                refused()
        assert service.stop_all(session, "plan") == 1
        assert (service.get(session, row.id).status, service.get(session, row.id).stop_reason) == ("paused", "plan")
        with pytest.raises(PlanLimit):
            service.resume(session, row.id, actor=ACTOR)


def test_a_void_approval_holds_the_step_and_nobody_skips_it(studio, frozen_clock):
    with db.tenant_session(studio.a) as session:
        sequence_id = live(session, message("a"), delay("d", hours=1), message("b"))
        step = UUID(service.get(session, sequence_id).campaigns["b"])
    early, late = people(studio.a, 2)
    enrol(studio.a, sequence_id, early)
    walk(studio.a, START + timedelta(hours=2), frozen_clock)
    with db.tenant_session(studio.a) as session:
        campaigns.hold(session, step, reason="approval_void")
    enrol(studio.a, sequence_id, late)
    walk(studio.a, START + timedelta(hours=9), frozen_clock)
    assert [step for step, *_ in got(studio.a, sequence_id, late)] == ["a"]
    assert [(row.step, row.due_at) for row in places(studio.a, sequence_id) if row.member_id == late] == [("b", None)]
    with db.tenant_session(studio.a) as session:
        service.review_again(session, sequence_id, "b", actor=ACTOR)
        approve(session, step)
    move(studio.a)
    assert [step for step, *_ in got(studio.a, sequence_id, late)] == ["a", "b"]
    with db.tenant_session(studio.a) as session:
        approved = campaigns.get(session, step).approval_hash
        sealed = session.execute(text("SELECT DISTINCT approval_hash FROM message WHERE campaign_id = :c"), {"c": step})
        assert sealed.scalars().all() == [approved]  # what waited goes out under the new approval


def test_a_paused_sequence_sends_nothing_and_goes_on_where_it_stopped(studio, frozen_clock):
    with db.tenant_session(studio.a) as session:
        sequence_id = live(session, message("a"), delay("d", hours=1), message("b"))
    (one,) = people(studio.a, 1)
    enrol(studio.a, sequence_id, one)
    move(studio.a)
    with db.tenant_session(studio.a) as session:
        service.pause(session, sequence_id, actor=ACTOR)
        kinds = {
            campaigns.get(session, each).status
            for each in service.campaigns_of(session, session.get_one(service.Sequence, sequence_id))
        }
        assert kinds == {"paused"}
    frozen_clock(START + 2 * DAY)
    move(studio.a)
    assert len(got(studio.a, sequence_id)) == 1
    with pytest.raises(Conflict, match="live"):
        enrol(studio.a, sequence_id, one)
    with db.tenant_session(studio.a) as session:
        service.resume(session, sequence_id, actor=ACTOR)
    move(studio.a)
    assert [step for step, *_ in got(studio.a, sequence_id)] == ["a", "b"]
    with db.tenant_session(studio.a) as session:
        service.archive(session, sequence_id, actor=ACTOR)
        row = session.get_one(service.Sequence, sequence_id)
        assert {campaigns.get(session, each).status for each in service.campaigns_of(session, row)} == {"cancelled"}
    assert {state for _, state, _ in got(studio.a, sequence_id)} == {"pending"}
    with db.tenant_session(studio.a) as session:
        recovery.cancel_open(session)
    assert {state for _, state, _ in got(studio.a, sequence_id)} == {"cancelled"}


def test_a_step_is_never_complete_while_its_sequence_lives_and_a_replaced_one_is(studio, frozen_clock):
    with db.tenant_session(studio.a) as session:
        sequence_id = live(session, message("a"))
        old = UUID(service.get(session, sequence_id).campaigns["a"])
        session.execute(text("UPDATE tenant_due SET next_due_at = now() - interval '1 minute'"))
        recovery.sweep(session)
        assert campaigns.get(session, old).status == "sending"
        new = service.rewrite(session, sequence_id, "a", actor=ACTOR)
        publish(session, sequence_id)
    move(studio.a)
    with db.tenant_session(studio.a) as session:
        assert (campaigns.get(session, old).status, campaigns.get(session, new).status) == ("sent", "sending")


def test_an_edit_moves_who_is_at_a_removed_step_on_and_sends_nothing_twice(studio, frozen_clock):
    with db.tenant_session(studio.a) as session:
        sequence_id = live(session, message("a"), delay("d", days=9), message("b"), message("c"))
    (one,) = people(studio.a, 1)
    enrol(studio.a, sequence_id, one)
    move(studio.a)
    with db.tenant_session(studio.a) as session:
        steps = (message("first"), message("c"), message("a"), message("b"), message("z"))
        service.change(session, sequence_id, actor=ACTOR, wanted=wanted(*steps))
        publish(session, sequence_id)
    walk(studio.a, START + timedelta(hours=1), frozen_clock)
    assert [step for step, *_ in got(studio.a, sequence_id)] == ["a", "b", "z"]
    assert states(studio.a, sequence_id) == [("completed", None, None)]


def test_who_is_through_comes_again_only_where_the_sequence_says_so(studio, frozen_clock):
    with db.tenant_session(studio.a) as session:
        once = live(session, message("a"), name="once")
        again = live(session, message("a"), name="again", reentry={"allowed": True, "after_days": 3})
    (one,) = people(studio.a, 1)
    for sequence_id in (once, again):
        enrol(studio.a, sequence_id, one)
    move(studio.a)
    frozen_clock(START + 2 * DAY)
    assert [enrol(studio.a, each, one) for each in (once, again)] == [[], []]
    frozen_clock(START + 3 * DAY)
    assert [enrol(studio.a, each, one) for each in (once, again)] == [[], [one]]
    move(studio.a)
    assert (len(got(studio.a, once)), len(got(studio.a, again))) == (1, 2)


def test_triggers_let_in_whom_they_mean_when_it_is_committed(studio, frozen_clock):
    triggers = {
        "new": {"type": "member_created"}, "tag": {"type": "tag_added", "tag": "vip"},
        "visit": {"type": "activity", "kind": "visit"}, "any": {"type": "purchase"},
        "card": {"type": "purchase", "product": "card"},
    }  # fmt: skip
    (old,) = people(studio.a, 1, prefix="old")
    with db.tenant_session(studio.a) as session:
        ids = {name: live(session, message("a"), name=name, trigger=each) for name, each in triggers.items()}
    (new,) = people(studio.a, 1, prefix="new", tags=["x"])
    people(studio.b, 1, prefix="other", tags=["vip"])
    with db.tenant_session(studio.a) as session:
        audience.change(session, old, actor="t", contact={}, changes={"tags": ["vip"]})
        audience.add_activity(session, new, actor="t", kind="visit", at=START)
        audience.add_purchase(session, old, actor="t", product="mat", amount_minor=1, currency="EUR", at=START)
    move(studio.a)
    entered = {name: {row.member_id for row in places(studio.a, each)} for name, each in ids.items()}
    assert entered == {"new": {new}, "tag": {old}, "visit": {new}, "any": {old}, "card": set()}
    assert len(got(studio.a, ids["new"])) == 1


def test_only_what_happens_while_it_is_live_lets_anybody_in_however_late_it_is_read(studio):
    def entered(sequence_id: UUID) -> set[str | None]:
        with db.tenant_session(studio.a) as session:
            return {audience.get(session, row.member_id).first_name for row in places(studio.a, sequence_id)}

    def comes(name: str) -> None:
        people(studio.a, 1, prefix=name, first_name=name)

    with db.tenant_session(studio.a) as session:
        first = live(session, message("a"), name="first", trigger={"type": "member_created"})
    comes("early")
    with db.tenant_session(studio.a) as session:
        second = live(session, message("a"), name="second", trigger={"type": "member_created"})
    comes("both")
    with db.tenant_session(studio.a) as session:
        service.pause(session, first, actor=ACTOR)
    comes("paused")
    with db.tenant_session(studio.a) as session:
        service.resume(session, first, actor=ACTOR)
    comes("after")
    with db.tenant_session(studio.a) as session:
        service.pause(session, first, actor=ACTOR)
        tag = {"type": "tag_added", "tag": "x"}
        service.change(session, second, actor=ACTOR, wanted=wanted(message("a"), trigger=tag))
        publish(session, second)
    comes("last")
    move(studio.a)
    assert entered(first) == {"early", "both", "after"}
    assert entered(second) == {"both", "paused", "after"}
    assert got(studio.a, first) == []
    with db.tenant_session(studio.a) as session:
        service.resume(session, first, actor=ACTOR)
    move(studio.a)
    assert len(got(studio.a, first)) == 3
    with db.tenant_session(studio.a) as session:
        for sequence_id in (first, second):
            service.pause(session, sequence_id, actor=ACTOR)
    for _ in range(2):  # the first reads what is left, the second sees that nothing is
        move(studio.a)
    comes("nobody")
    with db.tenant_session(studio.a) as session:  # all was read: nothing is written down any more
        assert session.execute(text("SELECT count(*) FROM member_change")).scalar_one() == 0
        assert session.execute(text("SELECT count(*) FROM change_position")).scalar_one() == 0


def test_days_come_round_on_each_members_own_clock_over_the_change_of_clocks(studio, frozen_clock):
    night = datetime(2027, 3, 27, 12, 0, tzinfo=UTC)
    frozen_clock(night)
    trigger = {"type": "date", "attribute": "birthday", "at": "02:30", "days": -1}
    with db.tenant_session(studio.a) as session:
        sequence_id = live(session, message("a"), trigger=trigger)
        berlin = make.member(session, "b@example.org", attributes={"birthday": "1990-03-29"}).id
        york = make.member(
            session, "y@example.org", attributes={"birthday": "1990-03-29"}, time_zone="America/New_York"
        ).id
        make.member(session, "n@example.org", attributes={"birthday": "29.03.1990"})
    frozen_clock(datetime(2027, 3, 28, 1, 29, tzinfo=UTC))
    move(studio.a)
    assert places(studio.a, sequence_id) == []
    frozen_clock(datetime(2027, 3, 28, 1, 30, tzinfo=UTC))  # 02:30 is skipped: it is 03:30
    move(studio.a)
    assert [row.member_id for row in places(studio.a, sequence_id)] == [berlin]
    frozen_clock(datetime(2027, 3, 28, 6, 31, tzinfo=UTC))
    move(studio.a)
    assert {row.member_id for row in places(studio.a, sequence_id)} == {berlin, york}
    frozen_clock(datetime(2028, 3, 28, 12, 0, tzinfo=UTC))
    move(studio.a)
    assert [row.occasion for row in places(studio.a, sequence_id)].count("2028-03-29") == 2


def test_an_opt_out_ends_the_wait_at_once(studio):
    with db.tenant_session(studio.a) as session:
        sequence_id = live(session, message("a"), delay("d", days=30), message("b"))
    (one,) = people(studio.a, 1)
    enrol(studio.a, sequence_id, one)
    move(studio.a)
    with db.tenant_session(studio.a) as session:
        delivery.unsubscribe(session, session.query(Message.id).scalar(), source="link")
    move(studio.a)
    assert states(studio.a, sequence_id) == [("exited", "unsubscribed", "d")]


def test_it_is_counted_who_is_where_who_went_on_and_who_left_why(studio, frozen_clock):
    tagged = {"type": "rule", "rule": {"type": "tag", "any_of": ["vip"]}}
    with db.tenant_session(studio.a) as session:
        sequence_id = live(
            session,
            message("a"),
            delay("d", days=1),
            {"type": "condition", "key": "vip", "test": tagged, "yes": "end"},
            message("b"),
            delay("e", days=1),
        )
        step = UUID(service.get(session, sequence_id).campaigns["b"])
    ids = people(studio.a, 5)
    with db.tenant_session(studio.a) as session:
        audience.get(session, ids[0]).tags = ["vip"]
    enrol(studio.a, sequence_id, *ids)
    move(studio.a)
    with db.tenant_session(studio.a) as session:
        first = session.execute(select(Message).where(Message.member_id == ids[1])).scalar_one()
        delivery.unsubscribe(session, first.id, source="link")
        campaigns.hold(session, step, reason="approval_void")
        session.execute(
            text("INSERT INTO conversion (id, tenant_id, external_id, goal, currency, source, attribution, "
                 "campaign_id, message_id, member_id) "
                 "VALUES (new_id(), :tenant, 'x', 'buy', 'EUR', 'api', 'message', :campaign, :message, :member)"),
            {"tenant": studio.a, "campaign": first.campaign_id, "message": first.id, "member": ids[1]},
        )  # fmt: skip
        (out,) = (row for row in session.query(Enrolment) if row.member_id == ids[2])
        entries.leave(session, sequence_id, out.id, actor=ACTOR)
    walk(studio.a, START + DAY, frozen_clock)
    with db.tenant_session(studio.a) as session:
        seen = queries.overview(session, service.get(session, sequence_id))
        assert seen.enrolments == {"active": 2, "exited": 2, "completed": 1}
        assert seen.exits == {"unsubscribed": 1, "manual": 1}
        found = {each.key: (each.waiting, each.held, each.passed, each.exited, each.conversions) for each in seen.steps}
        assert found == {
            "a": (0, 0, 5, {}, 1),
            "d": (0, 0, 3, {"unsubscribed": 1, "manual": 1}, 0),
            "vip": (0, 0, 3, {}, 0),
            "b": (2, 2, 0, {}, 0),
            "e": (0, 0, 0, {}, 0),
        }
        service.archive(session, sequence_id, actor=ACTOR)
        seen = queries.overview(session, service.get(session, sequence_id))
        assert (seen.enrolments, seen.steps[3].exited) == ({"exited": 4, "completed": 1}, {"archived": 2})
    with db.tenant_session(studio.b) as session:
        assert session.execute(text("SELECT count(*) FROM enrolment_count")).scalar_one() == 0
    with db.tenant_session(studio.a) as session:  # whatever becomes of the sequence, the counter follows
        session.execute(text("DELETE FROM sequence WHERE id = :id"), {"id": sequence_id})
        assert session.execute(text("SELECT count(*) FROM enrolment_count")).scalar_one() == 0
