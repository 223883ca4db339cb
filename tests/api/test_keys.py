"""When a key was last used is noted, exact to a minute, whatever became of the request."""

from datetime import timedelta

from kernel import clock
from kernel.ids import new_id


def test_a_use_is_noted_although_the_request_was_refused(clients, http, frozen_clock):
    ours, theirs = clients
    began = clock.now()
    frozen_clock(began)
    made = ours.post("/keys", {"name": "till", "scopes": ["campaigns:read"]}).json()
    headers = {"Authorization": f"Bearer {made['secret']}"}

    def used() -> str | None:
        return next(key["last_used_at"] for key in ours.get("/keys").json()["items"] if key["id"] == made["id"])

    assert used() is None
    seen = []
    for seconds in (0, 30, 90):
        frozen_clock(began + timedelta(seconds=seconds))
        assert http.get(f"/api/v1/campaigns/{new_id()}", headers=headers).status_code == 404
        seen.append(used())
    assert seen[0] == seen[1]
    assert None not in seen
    assert seen[2] > seen[1]
    assert all(key["id"] != made["id"] for key in theirs.get("/keys").json()["items"])


def test_an_expired_key_and_one_of_nobody_are_refused(clients, http, frozen_clock):
    ours, _ = clients
    began = clock.now()
    frozen_clock(began)
    ends = (began + timedelta(hours=1)).isoformat()
    made = ours.post("/keys", {"name": "till", "scopes": ["campaigns:read"], "expires_at": ends}).json()
    headers = {"Authorization": f"Bearer {made['secret']}"}
    assert http.get("/api/v1/campaigns", headers=headers).status_code == 200
    frozen_clock(began + timedelta(hours=2))
    for secret in (made["secret"], made["secret"][:-1] + "x" * 2, "ariia_session_nobody"):
        answer = http.get("/api/v1/campaigns", headers={"Authorization": f"Bearer {secret}"})
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer"), secret


def test_whoever_left_is_out_at_once(clients, approver):
    ours, _ = clients
    assert approver.get("/campaigns").status_code == 200
    person = ours.get("/users").json()["items"][0]
    assert ours.call("PUT", f"/users/{person['id']}", {"active": False}).status_code == 200
    assert approver.get("/campaigns").status_code == 401
