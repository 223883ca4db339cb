"""Uploading files: small ones answer with what they did, large ones with where to ask."""

import httpx2

from ariia.tasks.table import TASKS
from domain.audience import undo
from kernel import db
from kernel.ids import new_id


def upload(client, rows: int, path: str = "/imports/members", **headers: str) -> httpx2.Response:
    lines = [f"M{n};Jörg;m{n}@example.org" for n in range(rows)]
    body = "\n".join(["Mitgliedsnr;Vorname;E-Mail", *lines]).encode()
    headers |= {"Authorization": f"Bearer {client.key}"}
    return client.http.post(f"/api/v1{path}", files={"file": ("m.csv", body, "text/csv")}, headers=headers)


def test_a_small_file_answers_with_what_it_did(clients):
    answer = upload(clients[0], 20)
    assert (answer.status_code, answer.json()["status"]) == (201, "done")
    assert answer.json()["counts"]["created"] == 20


def test_a_large_file_is_accepted_and_shows_how_far_it_is(clients, tenants):
    ours, theirs = clients
    answer = upload(ours, 2_500)
    assert (answer.status_code, answer.json()["status"], answer.json()["counts"]) == (202, "queued", {})
    place = f"/imports/{answer.json()['id']}"
    assert theirs.get(place).status_code == 404
    assert ours.post(f"{place}/undo").json()["code"] == "not_imported"
    with db.tenant_session(tenants.a) as session:
        batch = undo.get_batch(session, answer.json()["id"])
        batch.status, batch.counts = "running", {"rows": 2_500, "checked": 2_000}
    assert ours.get(place).json()["counts"] == {"rows": 2_500, "checked": 2_000}
    TASKS["imports.run"](tenants.a, batch.id)
    shown = ours.get(place).json()
    assert (shown["status"], shown["counts"]["created"]) == ("done", 2_500)
    assert ours.post(f"{place}/undo").json()["status"] == "undone"
    assert ours.get("/members").json()["items"] == []


def test_a_repeated_large_upload_is_one_import(clients):
    key = str(new_id())
    first, second = (upload(clients[0], 2_100, **{"Idempotency-Key": key}) for _ in range(2))
    assert first.status_code == second.status_code == 202 or second.json()["code"] == "key_reused"
    assert len(clients[0].get("/imports").json()["items"]) == 1


def test_a_large_file_that_lacks_a_column_is_refused_at_once(clients):
    answer = upload(clients[0], 3_000, "/imports/purchases")
    assert answer.status_code == 422
    assert "has no column for" in answer.json()["detail"]
    assert clients[0].get("/imports").json()["items"] == []
