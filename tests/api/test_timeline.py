"""The timeline of a member through the API."""


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
