"""Plans over HTTP: what is shown, what is refused and in whose language, and that nobody slips past a limit."""

import concurrent.futures
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import make
import pytest
import tellers

from api.errors import preferred_language
from domain.plans import service as plans
from domain.plans import words
from domain.plans.catalog import FEATURES, FOLLOW_UPS, LIMITS, SEGMENTS, TEMPLATES, Tier
from domain.tiers import service as tiers
from kernel import db
from kernel.ids import new_id
from models import Tenant


def on(tenant_id, tier):
    with db.tenant_session(tenant_id) as session:
        session.get_one(Tenant, tenant_id).tier = tier


def test_two_hundred_parallel_approvals_of_a_starter_give_one(clients, approver, tenants):
    on(tenants.a, "starter")
    decisions = []
    with db.tenant_session(tenants.a) as session:
        make.member(session, "jo@example.org")
        for _ in range(25):
            campaign, revision = make.drafted(session)
            decision = {"revision_id": str(revision.id), "content_hash": revision.content_hash}
            decisions += [(f"/campaigns/{campaign.id}/approve", decision)] * 8
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda each: approver.post(*each), decisions))
    seen = Counter(answer.status_code for answer in answers)
    assert (len(answers), seen[200]) == (200, 1)
    assert set(seen) <= {200, 402, 409}, seen
    assert seen[402] >= 24 * 8
    meter = clients[0].get("/plan").json()["limits"][0]
    assert (meter["limit"], meter["used"], meter["reserved"], meter["allowed"]) == ("broadcasts", 1, 1, 1)
    assert clients[1].get("/plan").json()["limits"][0]["used"] == 0


def at_once(clients, requests):
    """Answers of requests that are sent by sixteen at a time."""
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        return Counter(answer.status_code for answer in pool.map(lambda each: clients[0].call(*each), requests))


def used(client):
    return {line["limit"]: line["used"] for line in client.get("/plan").json()["limits"]}


def test_of_parallel_attempts_on_the_last_place_one_gets_it_and_of_parallel_deletions_one_gives_it_back(
    clients, tenants
):
    """Templates, segments and follow-ups alike; each has one place left."""
    studio = tellers.a_studio(tenants.a)
    on(tenants.a, "professional")
    with db.tenant_session(tenants.a) as session:
        members = [tellers.a_member(session, str(40_000 + n)) for n in range(16)]
        for limit in (FOLLOW_UPS, TEMPLATES, SEGMENTS):
            for _ in range(limit.amount(Tier.PROFESSIONAL) - 1):
                plans.spend(session, limit, new_id())
    at = (datetime.now(UTC) + timedelta(days=10)).strftime("%Y-%m-%dT10:00")
    for limit, path, bodies in (
        (TEMPLATES, "/templates", [TEMPLATE | {"name": f"T{n}"} for n in range(16)]),
        (SEGMENTS, "/segments", [{"name": f"S{n}", "kind": "static"} for n in range(16)]),
        (FOLLOW_UPS, "/follow-ups", [{"member_id": str(member), "at": at} for member in members]),
    ):
        assert at_once(clients, [("POST", path, body) for body in bodies]) == {201: 1, 402: 15}
        amount = limit.amount(Tier.PROFESSIONAL)
        assert used(clients[0])[limit.key] == amount
        kept = clients[0].get(path).json()["items"][0]["id"]
        away = ("POST", f"{path}/{kept}/cancel") if limit is FOLLOW_UPS else ("DELETE", f"{path}/{kept}")
        gone = at_once(clients, [away] * 16)
        assert set(gone) <= {200, 204, 404}, gone
        assert used(clients[0])[limit.key] == amount - 1
    assert set(used(clients[1]).values()) == {0}
    assert studio.tenant_id == tenants.a


def test_the_plan_is_shown_whole_with_what_the_next_tier_gives(clients, tenants):
    for tier in Tier:
        on(tenants.a, tier)
        shown = clients[0].get("/plan").json()
        assert shown["tier"] == tier
        assert [line["limit"] for line in shown["limits"]] == list(LIMITS)
        for line in shown["limits"]:
            limit = LIMITS[line["limit"]]
            assert (line["label_de"], line["label_en"]) == (limit.label_de, limit.label_en)
            assert (line["allowed"], line["used"], line["reserved"]) == (limit.amount(tier), 0, 0)
            lifted = limit.lifted_by(tier)
            assert line["next_tier"] == lifted
            assert line["next_allowed"] == (limit.amount(lifted) if lifted else None)
            resets = line["resets_at"]
            assert (resets is not None) == (limit.per == "month")
            if resets is not None:
                at = datetime.fromisoformat(resets)
                assert at > datetime.now(UTC)
                assert line["resets_at_local_de"] == words.local_time(at, "Europe/Berlin", "de")
                assert line["resets_at_local_de"].endswith(", 00:00 (Europe/Berlin)")
        for line in shown["feature_levels"]:
            feature = FEATURES[line["feature"]]
            assert line["level"] == feature.level(tier) == shown["features"][feature.key]
            assert line["next_level"] == (feature.level(line["next_tier"]) if line["next_tier"] else None)
        assert shown["planned"] is None


def test_a_change_to_come_is_shown_to_its_tenant_alone(clients, tenants):
    with db.tenant_session(tenants.a) as session:
        tiers.plan_for_next_month(session, Tier.STARTER, reason="end of contract", actor="operator")
    planned = clients[0].get("/plan").json()["planned"]
    assert (planned["tier"], planned["reason"]) == ("starter", "end of contract")
    assert clients[1].get("/plan").json()["planned"] is None


TEMPLATE = {"name": "x", "kind": "email", "content": make.email()}


@pytest.mark.parametrize(
    ("header", "language", "start"),
    [
        (None, "en", "The plan starter allows 2 templates; 2 are used. Way out: upgrade to professional or delete"),
        ("de-DE,de;q=0.9,en;q=0.5", "de", "Der Tarif starter erlaubt 2 Vorlagen; 2 sind verbraucht. Ausweg: auf"),
        ("fr, en;q=0.4, de;q=0.3", "en", "The plan starter"),
    ],
)
@pytest.mark.parametrize("key", [None, "once"])
def test_a_refusal_says_everything_in_the_readers_language(clients, tenants, header, language, start, key):
    on(tenants.a, "starter")
    for n in range(2):
        assert clients[0].post("/templates", TEMPLATE | {"name": f"T{n}"}).status_code == 201
    headers = ({"Accept-Language": header} if header else {}) | ({"Idempotency-Key": key} if key else {})
    refused = clients[0].post("/templates", TEMPLATE, headers=headers)
    said = refused.json()
    assert (refused.status_code, refused.headers["content-language"]) == (402, language)
    assert said["detail"].startswith(start)
    assert (said["limit"], said["used"], said["allowed"], said["resets_at"], said["lifted_by"]) == (
        "templates", 2, 2, None, "professional",
    )  # fmt: skip


def test_one_is_said_as_one_and_every_limit_has_a_word_for_it():
    for limit in LIMITS.values():
        one = replace(limit, amounts=(1, 2, None, None))
        said = words.used_up(one, Tier.STARTER, 1, None, "UTC")
        assert f"{limit.label_en.lower()};" not in said["en"]
        assert "; 1 is used." in said["en"]
        assert "; 1 ist verbraucht." in said["de"]
        said = words.used_up(one, Tier.PROFESSIONAL, 2, None, "UTC")
        assert f"allows 2 {limit.label_en.lower()}" in said["en"]
        assert said["de"].startswith(f"Der Tarif professional erlaubt 2 {limit.label_de}")
        assert "; 2 sind verbraucht." in said["de"]


@pytest.mark.parametrize(
    ("header", "chosen"),
    [("", "en"), ("*", "en"), ("de", "de"), ("DE-at", "de"), ("en;q=0,de;q=0.1", "de"), ("de;q=x,en", "en"),
     ("fr", "en"), ("en-GB;q=0.5, de;q=0.8", "de"), (",;q=,", "en")],
)  # fmt: skip
def test_the_language_is_the_preferred_one_that_we_speak(header, chosen):
    assert preferred_language(header, ("en", "de")) == chosen
