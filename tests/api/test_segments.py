"""Segments through the API."""

RULES = {"type": "all", "rules": [{"type": "tag", "any_of": ["yoga"]}, {"type": "status", "any_of": ["active"]}]}


def add(client, **fields: object) -> str:
    return client.post("/members", fields).json()["id"]


def test_a_segment_by_rules_says_whom_it_means(clients):
    ours, theirs = clients
    member = add(ours, first_name="Ada", tags=["yoga"])
    add(ours, tags=["box"])
    look = ours.post("/segments/look", {"rules": RULES}).json()
    assert (look["count"], [each["first_name"] for each in look["sample"]]) == (1, ["Ada"])
    made = ours.post("/segments", {"name": "Yoga", "rules": RULES})
    assert (made.status_code, made.json()["member_count"]) == (201, 1)
    assert made.json()["sentence"] == {
        "de": "Mitglieder, für die gilt: (Schlagwort „yoga“ und Status ist aktiv).",
        "en": "Members for whom this holds: (tag “yoga” and status is active).",
    }
    place = f"/segments/{made.json()['id']}"
    assert [each["id"] for each in ours.get(f"{place}/members").json()["items"]] == [member]
    assert theirs.get(f"{place}/members").status_code == 404
    add(ours, tags=["yoga"])
    assert ours.get(place).json()["member_count"] == 1
    assert ours.post(f"{place}/calculate").json()["member_count"] == 2
    assert ours.post("/segments", {"name": "Yoga", "rules": RULES}).status_code == 409
    changed = ours.call("PUT", place, {"rules": {"type": "tag", "any_of": ["box"]}, "description": "x"}).json()
    assert (changed["member_count"], changed["description"]) == (1, "x")
    assert ours.call("DELETE", place).status_code == 204
    assert ours.get("/segments").json()["items"] == []


def test_rules_that_are_not_understood_are_refused_at_their_place(clients):
    for rules in ({"type": "sql"}, {"type": "all", "rules": [{"type": "tag", "any_of": []}]}, {"type": "tag", "x": 1}):
        for path, body in (("/segments/look", {"rules": rules}), ("/segments", {"name": "x", "rules": rules})):
            answer = clients[0].post(path, body)
            assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
            assert answer.json()["field"].startswith("rules")


def test_a_segment_by_hand_and_a_campaign_for_it(clients):
    ours, _ = clients
    member = add(ours, first_name="Ada")
    add(ours)
    segment = ours.post("/segments", {"name": "VIP", "kind": "static"}).json()
    place = f"/segments/{segment['id']}/members"
    assert ours.post(place, {"member_ids": [member]}).json() == {"added": 1, "member_count": 1}
    audience = {"kind": "segments", "segments": [segment["id"]]}
    campaign = ours.post("/campaigns", {"name": "C", "goal": "Lade alle ein", "channel": "email", "audience": audience})
    assert campaign.status_code == 201, campaign.text
    assert campaign.json()["audience"]["segments"] == [segment["id"]]
    assert ours.call("DELETE", f"{place}/{member}").status_code == 204
    assert ours.get(place).json()["items"] == []
