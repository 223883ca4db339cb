"""The timeline of a member through the API."""

from domain.timeline.queries import KINDS


def test_a_page_through_the_api(clients):
    ours, theirs = clients
    member = ours.post("/members", {"first_name": "Ada"}).json()["id"]
    for n in range(3):
        ours.post(f"/members/{member}/activities", {"kind": "visit", "at": f"2026-11-0{n + 1}T10:00:00Z"})
    first = ours.get(f"/members/{member}/timeline?limit=2").json()
    assert [entry["at"] for entry in first["items"]] == ["2026-11-03T10:00:00Z", "2026-11-02T10:00:00Z"]
    second = ours.get(f"/members/{member}/timeline?limit=2&cursor={first['next_cursor']}").json()
    assert [entry["words"]["en"] for entry in second["items"]] == ["Visit"]
    assert second["next_cursor"] is None
    assert theirs.get(f"/members/{member}/timeline").status_code == 404
    assert ours.get(f"/members/{member}/timeline?cursor=nonsense").json()["field"] == "cursor"
    assert ours.get(f"/members/{member}/timeline?kind=gossip").status_code == 422


def test_a_timeline_of_one_kind(clients):
    ours, _ = clients
    member = ours.post("/members", {"first_name": "Ada"}).json()["id"]
    ours.post(f"/members/{member}/activities", {"kind": "visit", "at": "2026-11-01T10:00:00Z"})
    for kind in KINDS:
        found = ours.get(f"/members/{member}/timeline?kind={kind}")
        assert found.status_code == 200, (kind, found.text)
        assert [each["kind"] for each in found.json()["items"]] == (["activity"] if kind == "activity" else [])
