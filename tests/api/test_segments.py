"""Segments through the API."""

import csv
import io

import make

from domain.segments import rules as language
from kernel import db, tables
from models import Tenant

RULES = {"type": "all", "rules": [{"type": "tag", "any_of": ["yoga"]}, {"type": "status", "any_of": ["active"]}]}


def add(client, **fields: object) -> str:
    return client.post("/members", fields).json()["id"]


def test_a_segment_by_rules_says_whom_it_means(clients):
    ours, theirs = clients
    member = add(ours, first_name="Ada", tags=["yoga"])
    add(ours, tags=["box"])
    look = ours.post("/segments/preview", {"rules": RULES}).json()
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
    assert ours.call("DELETE", place).json() == {"campaigns": [], "sequences": []}
    assert ours.get("/segments").json()["items"] == []


def test_rules_that_are_not_understood_are_refused_at_their_place(clients):
    for rules in ({"type": "sql"}, {"type": "all", "rules": [{"type": "tag", "any_of": []}]}, {"type": "tag", "x": 1}):
        for path, body in (("/segments/preview", {"rules": rules}), ("/segments", {"name": "x", "rules": rules})):
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


def test_rules_are_added_changed_and_taken_out_one_by_one(clients):
    ours, theirs = clients
    add(ours, tags=["yoga"])
    add(ours, tags=["yoga"], status="paused")
    place = f"/segments/{ours.post('/segments', {'name': 'S', 'rules': RULES['rules'][0]}).json()['id']}"
    added = ours.post(f"{place}/rules", {"rule": RULES["rules"][1]})
    assert added.status_code == 201
    assert [(each["level"], each["rule"]["type"]) for each in added.json()["items"]] == [
        (0, "all"),
        (1, "tag"),
        (1, "status"),
    ]
    root, tag, status = added.json()["items"]
    assert (tag["parent_id"], tag["sentence"]["en"]) == (root["id"], "Members for whom this holds: tag “yoga”.")
    assert ours.get(place).json()["member_count"] == 1
    rule = f"{place}/rules/{status['id']}"
    changed = ours.call("PUT", rule, {"rule": {"type": "status", "any_of": ["paused", "active"]}}).json()["items"]
    assert [each["id"] for each in changed] == [root["id"], tag["id"], status["id"]]
    assert ours.get(place).json()["member_count"] == 2
    for path, parent in ((f"{place}/rules", tag["id"]), (f"{place}/rules", "x")):
        assert ours.post(path, {"rule": RULES["rules"][0], "parent_id": parent}).status_code in {404, 422}
    assert ours.call("PUT", rule, {"rule": {"type": "sql"}}).json()["field"] == "rules"
    assert theirs.call("DELETE", rule).status_code == 404
    assert len(ours.call("DELETE", rule).json()["items"]) == 2
    last = ours.call("DELETE", f"{place}/rules/{tag['id']}")
    assert (last.status_code, last.json()["field"]) == (422, "rules")
    named = ours.get(place).json()["rules"]
    assert ours.call("PUT", place, {"rules": {"type": "all", "rules": [RULES["rules"][0]]}}).json()["rules"] == named
    twice = {"type": "all", "rules": [{**RULES["rules"][0], "id": "a"}, {**RULES["rules"][1], "id": "a"}]}
    assert "there twice" in ours.call("PUT", place, {"rules": twice}).json()["detail"]
    hand = ours.post("/segments", {"name": "H", "kind": "static"}).json()["id"]
    assert ours.post(f"/segments/{hand}/rules", {"rule": RULES}).status_code == 409


def upload(client, path, text, **form):
    headers = {"Authorization": f"Bearer {client.key}"}
    files = {"file": ("m.csv", text, "text/csv")}
    return client.http.post(f"/api/v1{path}", files=files, data=form, headers=headers)


def test_a_file_puts_members_into_a_segment_after_saying_what_it_would_do(clients):
    ours, theirs = clients
    one = add(ours, external_id="M1")
    two = add(ours, contact_points={"email": "Ada@Example.org"})
    add(theirs, external_id="M9")
    place = f"/segments/{ours.post('/segments', {'name': 'S', 'kind': 'static'}).json()['id']}/members"
    ours.post(place, {"member_ids": [one]})
    file = "Mitgliedsnummer;E-Mail\nM1;\n;ada@example.org\n;ADA@EXAMPLE.ORG\nM9;\n;nobody\n;\n"
    for dry in ("true", "false"):
        said = upload(ours, f"{place}/file", file, dry_run=dry).json()
        assert {key: said[key] for key in ("rows", "added", "already", "rejected")} == {
            "rows": 5,
            "added": 1,
            "already": 1,
            "rejected": 2,
        }
        assert [each["line"] for each in said["problems"]] == [5, 6]
        assert len(ours.get(place).json()["items"]) == (1 if dry == "true" else 2)
    newest, oldest = ours.get(place).json()["items"]
    assert (newest["id"], oldest["id"], newest["by"]) == (two, one, "hand")
    assert newest["added_by"].startswith("key:")
    assert newest["added_at"] is not None
    dynamic = ours.post("/segments", {"name": "D", "rules": RULES}).json()["id"]
    assert upload(ours, f"/segments/{dynamic}/members/file", file).status_code == 409
    assert upload(ours, f"{place}/file", "Farbe\nrot\n").status_code == 422


def test_files_as_spreadsheets_and_exports_write_them_name_members(clients):
    ours, theirs = clients
    kept = add(ours, external_id="00123")
    texts = add(ours, contact_points={"whatsapp": "+4915112345679"})
    foreign = add(theirs, external_id="T1")
    source = ours.post("/segments", {"name": "S", "kind": "static"}).json()["id"]
    place = f"/segments/{ours.post('/segments', {'name': 'T', 'kind': 'static'}).json()['id']}"
    ours.post(f"/segments/{source}/members", {"member_ids": [kept, texts]})

    def filled(file):
        said = upload(ours, f"{place}/members/file", file).json()
        inside = [each["id"] for each in ours.get(f"{place}/members").json()["items"]]
        for each in inside:
            ours.call("DELETE", f"{place}/members/{each}")
        return sorted(inside), [each["problem"] for each in said["problems"]]

    assert filled(ours.get(f"/segments/{source}/export").text) == (sorted([kept, texts]), [])
    assert filled('sep=;\r\nMitgliedsnummer;Telefon\r\n="00123";\r\n;0151 12345679\r\n') == (sorted([kept, texts]), [])
    assert filled(f"id\n{foreign}\n") == ([], ["there is no member with this id"])
    assert filled("id\n00123\n") == ([kept], []), "a number that is called id is the member number"
    ours.call("PUT", place, {"status": "archived"})
    for answer in (
        ours.post(f"{place}/members", {"member_ids": [kept]}),
        upload(ours, f"{place}/members/file", "id\n00123\n"),
    ):
        assert (answer.status_code, "Activate it first" in answer.json()["detail"]) == (409, True)


def test_the_list_is_filtered_and_says_how_much_needs_each(clients, tenants):
    ours, theirs = clients
    add(ours, tags=["yoga"])
    theirs.post("/segments", {"name": "Yoga_2", "kind": "static"})
    inner = ours.post("/segments", {"name": "Yoga_1", "rules": RULES["rules"][0]}).json()["id"]
    ours.post("/segments", {"name": "Außen", "rules": {"type": "segment", "segment_id": inner}})
    ours.post("/segments", {"name": "Yogax1", "kind": "static"})
    audience = {"kind": "all_members", "exclude_segments": [inner]}
    made = ours.post("/campaigns", {"name": "C", "goal": "Lade alle ein", "channel": "email", "audience": audience})
    assert made.status_code == 201, made.text

    def found(**wanted):
        return {each["name"]: each["used_by"] for each in ours.get("/segments", params=wanted).json()["items"]}

    nothing = {"campaigns": 0, "sequences": 0, "segments": 0}
    assert found(q="OGA_") == {"Yoga_1": {"campaigns": 1, "sequences": 0, "segments": 1}}
    assert found(q="auß", kind="dynamic", status="active") == {"Außen": nothing}
    assert list(found(kind="static")) == ["Yogax1"]
    assert found(status="archived") == found(q="%") == {}
    with db.tenant_session(tenants.a) as session:
        session.get_one(Tenant, tenants.a).tier = "enterprise"
    steps = [{"type": "message", "key": "a"}]
    wanted = {"trigger": {"type": "segment_joined", "segment_id": inner}, "steps": steps}
    assert ours.post("/sequences", {"name": "W", "definition": wanted}).status_code == 201
    assert found(q="yoga_")["Yoga_1"]["sequences"] == 1


def test_a_hybrid_segment_is_corrected_by_hand(clients):
    ours, _ = clients
    yoga, box = add(ours, tags=["yoga"], status="active"), add(ours, tags=["box"])
    place = f"/segments/{ours.post('/segments', {'name': 'S', 'kind': 'hybrid', 'rules': RULES}).json()['id']}"

    def inside():
        return {each["id"]: each["by"] for each in ours.get(f"{place}/members").json()["items"]}

    assert inside() == {yoga: "rules"}
    assert ours.post(f"{place}/members", {"member_ids": [box]}).json() == {"added": 1, "member_count": 2}
    assert ours.call("DELETE", f"{place}/members/{yoga}").status_code == 204
    assert ours.post(f"{place}/calculate").json()["member_count"] == 1
    assert inside() == {box: "hand"}
    for each in (yoga, box):
        assert ours.call("DELETE", f"{place}/members/{each}/choice").status_code == 204
    assert ours.call("DELETE", f"{place}/members/{box}/choice").status_code == 404
    assert inside() == {yoga: "rules"}


def test_an_export_holds_every_member_in_chosen_columns_and_no_formula(clients, monkeypatch):
    ours, theirs = clients
    monkeypatch.setattr(tables, "PIECE", 2)
    add(theirs, first_name="fremd", tags=["x"])
    rows = [
        {"first_name": "=1+1", "last_name": 'Ä, "b"', "attributes": {"level": 3}},
        {"first_name": "@cmd", "contact_points": {"sms": "+4915112345678"}},
        {"first_name": "-2", "attributes": {"level": "+x"}},
    ]
    made = [add(ours, tags=["x"], **row) for row in rows]
    rule = {"type": "tag", "any_of": ["x"]}
    place = f"/segments/{ours.post('/segments', {'name': 'S', 'rules': rule}).json()['id']}/export"
    answer = ours.get(place, params={"columns": "id,first_name=Vorname,last_name,phone,attribute:level,tags"})
    assert answer.headers["content-type"].startswith("text/csv")
    assert list(csv.reader(io.StringIO(answer.text))) == [
        ["id", "Vorname", "last_name", "phone", "attribute:level", "tags"],
        [made[0], "'=1+1", 'Ä, "b"', "", "3", "x"],
        [made[1], "'@cmd", "", "+4915112345678", "", "x"],
        [made[2], "-2", "", "", "'+x", "x"],
    ]
    found = ours.get(place, params={"format": "json", "columns": "id,first_name,attribute:level=Level"}).json()
    assert found[0] == {"id": made[0], "first_name": "=1+1", "Level": 3}
    assert [each["id"] for each in found] == made
    assert len(ours.get(place).text.splitlines()) == 4
    for wrong in ("password", "id,id", "attribute:"):
        assert ours.get(place, params={"columns": wrong}).json()["field"] == "columns"
    empty = f"/segments/{ours.post('/segments', {'name': 'E', 'kind': 'static'}).json()['id']}/export"
    assert ours.get(empty, params={"format": "json"}).json() == []
    assert theirs.get(place).status_code == 404


def test_the_vocabulary_names_every_type_and_what_members_have(clients):
    ours, theirs = clients
    add(theirs, tags=["fremd"], attributes={"fremd": 1})
    member = add(ours, tags=["yoga", "box"], attributes={"level": 3, "vip": True})
    add(ours, tags=["yoga"], contact_points={"email": "a@x.example"})
    purchase = {"product": "Abo", "amount_minor": 1, "currency": "EUR", "at": "2026-01-01T10:00:00Z"}
    ours.post(f"/members/{member}/purchases", purchase)
    ours.post(f"/members/{member}/activities", {"kind": "visit", "at": "2026-01-01T10:00:00Z"})
    found = ours.get("/segments/vocabulary").json()
    assert {each["type"] for each in found["types"]} == set(language.READ.json_schema()["discriminator"]["mapping"])
    counted = {name: {each["value"]: each["count"] for each in some} for name, some in found["values"].items()}
    assert counted == {
        "tags": {"yoga": 2, "box": 1},
        "attributes": {"level": 1, "vip": 1},
        "products": {"Abo": 1},
        "activity_kinds": {"visit": 1},
        "domains": {"x.example": 1},
    }
    assert {each["value"]: each["kind"] for each in found["values"]["attributes"]} == {"level": "number", "vip": "flag"}
    for kind in found["types"]:
        assert set(kind["label"]) == {"de", "en"}
        for field in kind["fields"]:
            assert {each["value"] for each in field["options"]} == choices(kind["type"], field["name"]), field


def choices(type_: str, name: str) -> set[str]:
    """The values that the language takes for a field, as its schema says; none: any."""
    schema = language.READ.json_schema()
    model = schema["$defs"][schema["discriminator"]["mapping"][type_].rpartition("/")[2]]
    waiting, found = [model["properties"][name]], set()
    while waiting:
        part = waiting.pop()
        found |= set(part.get("enum", []))
        waiting += part.get("anyOf", []) + ([part["items"]] if isinstance(part.get("items"), dict) else [])
    return found


def test_a_segment_that_is_needed_names_its_campaigns_and_holds_them(clients, tenants):
    ours, _ = clients
    add(ours, tags=["yoga"])
    for gone in ("delete", "archive"):
        segment_id = ours.post("/segments", {"name": gone, "rules": RULES["rules"][0]}).json()["id"]
        audience = {"kind": "segments", "segments": [segment_id]}
        with db.tenant_session(tenants.a) as session:
            made, revision = make.drafted(session, audience_definition=audience)
            make.approve(session, made.id, revision)
            without = {"kind": "all_members", "exclude_segments": [segment_id]}
            draft = make.campaign(session, audience_definition=without)
        place = f"/segments/{segment_id}"
        named = [each["id"] for each in ours.get(place).json()["campaigns"]]
        assert named == [str(made.id), str(draft.id)]
        if gone == "delete":
            answer = ours.call("DELETE", place).json()["campaigns"]
            assert [(each["id"], each["status"]) for each in answer] == [
                (str(made.id), "approved"),
                (str(draft.id), "draft"),
            ]
        else:
            assert ours.call("PUT", place, {"status": "archived"}).status_code == 200
        held = ours.get(f"/campaigns/{made.id}").json()
        assert (held["status"], held["hold_reason"]) == ("held", "segment_missing")
        assert ours.get(f"/campaigns/{draft.id}").json()["status"] == "draft"


def test_other_rules_hold_what_waits_with_the_former_ones_until_they_are_back(clients, tenants):
    ours, _ = clients
    add(ours, tags=["yoga"])
    inner = ours.post("/segments", {"name": "inner", "rules": RULES["rules"][0]}).json()
    outer = ours.post("/segments", {"name": "outer", "rules": {"type": "segment", "segment_id": inner["id"]}}).json()
    place = f"/segments/{inner['id']}"

    def state(campaign_id):
        found = ours.get(f"/campaigns/{campaign_id}").json()
        return found["status"], found["hold_reason"]

    changes = [
        lambda: ours.call("PUT", place, {"rules": {"type": "not", "rule": RULES["rules"][0]}}),
        lambda: ours.post(f"{place}/rules", {"rule": RULES["rules"][1]}),
    ]
    for change in changes:
        made = {}
        with db.tenant_session(tenants.a) as session:
            for segment in (inner, outer):
                audience = {"kind": "segments", "segments": [segment["id"]]}
                campaign, revision = make.drafted(session, audience_definition=audience)
                make.approve(session, campaign.id, revision)
                made[segment["name"]] = campaign.id
        assert ours.call("PUT", place, {"name": "renamed", "rules": inner["rules"]}).status_code == 200
        assert {state(each) for each in made.values()} == {("approved", None)}
        assert change().status_code in {200, 201}
        assert {state(each) for each in made.values()} == {("held", "approval_void")}
        assert ours.post(f"/campaigns/{made['outer']}/resume").status_code == 409
        ours.call("PUT", place, {"rules": inner["rules"]})
        assert ours.post(f"/campaigns/{made['outer']}/resume").json()["status"] == "approved"


def test_the_performance_of_a_segment_begins_with_today(clients):
    ours, theirs = clients
    add(ours, tags=["yoga"], status="active")
    place = f"/segments/{ours.post('/segments', {'name': 'S', 'rules': RULES}).json()['id']}/performance"
    found = ours.get(place).json()
    assert (found["per"], found["currency"], len(found["spans"])) == ("day", "EUR", 31)
    assert (found["spans"][-1]["members"], found["spans"][-1]["joined"], found["spans"][0]["members"]) == (1, 1, None)
    assert len(ours.get(place, params={"per": "month"}).json()["spans"]) in {2, 3}
    assert ours.get(place, params={"from": "2030-01-01"}).json()["field"] == "from"
    assert theirs.get(place).status_code == 404


def test_segments_are_counted_by_the_plan_and_given_back(clients, tenants):
    ours, _ = clients
    with db.tenant_session(tenants.a) as session:
        session.get_one(Tenant, tenants.a).tier = "professional"
    made = [ours.post("/segments", {"name": f"S{n}", "rules": RULES}) for n in range(4)]
    assert [each.status_code for each in made] == [201, 201, 201, 402]
    refusal = made[3].json()
    assert (refusal["limit"], refusal["used"], refusal["allowed"], refusal["lifted_by"]) == (
        "segments",
        3,
        3,
        "business",
    )
    assert ours.call("DELETE", f"/segments/{made[0].json()['id']}").status_code == 200
    assert ours.post("/segments", {"name": "S9", "kind": "static"}).status_code == 201
    assert ours.get(f"/segments/{made[1].json()['id']}/performance").status_code == 402
