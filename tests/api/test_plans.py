"""Plans over HTTP: what is shown, what is refused and in whose language, and that nobody slips past a limit."""

import concurrent.futures
from collections import Counter
from datetime import UTC, datetime

import make
import pytest

from api.errors import preferred_language
from domain.plans import words
from domain.plans.catalog import FEATURES, LIMITS, Tier
from domain.tiers import service as tiers
from kernel import db
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


@pytest.mark.parametrize(
    ("header", "chosen"),
    [("", "en"), ("*", "en"), ("de", "de"), ("DE-at", "de"), ("en;q=0,de;q=0.1", "de"), ("de;q=x,en", "en"),
     ("fr", "en"), ("en-GB;q=0.5, de;q=0.8", "de"), (",;q=,", "en")],
)  # fmt: skip
def test_the_language_is_the_preferred_one_that_we_speak(header, chosen):
    assert preferred_language(header, ("en", "de")) == chosen
