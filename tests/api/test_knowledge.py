"""Documents through the API: files of every kind, progress of large ones, search, synonyms."""

import io

import httpx2
import papers
import pytest

from agents import embedding
from agents.llm import registry
from ariia.tasks.table import TASKS
from domain.knowledge import uploads
from kernel import settings
from tests.fakes import openai_steps
from tests.fakes.openai_server import FakeModelServer


def upload(client, name: str, data: bytes, **form: str) -> httpx2.Response:
    return client.http.post(
        "/api/v1/knowledge/files",
        files={"file": (name, io.BytesIO(data))},
        data={"language": "de"} | form,
        headers={"Authorization": f"Bearer {client.key}"},
    )


def test_a_pdf_is_found_by_what_it_says_and_only_here(clients):
    ours, theirs = clients
    answer = upload(ours, "preise.pdf", papers.pdf([[(700, False, 11, "Yoga kostet 9 Euro.")]]), title="Preise")
    assert (answer.status_code, answer.json()["title"], answer.json()["media_type"]) == (
        201,
        "Preise",
        "application/pdf",
    )
    hits = ours.get("/knowledge/search", params={"q": "Was kostet Yoga?"}).json()
    assert [(hit["document_title"], hit["text"]) for hit in hits] == [("Preise", "Yoga kostet 9 Euro.")]
    assert theirs.get("/knowledge/search", params={"q": "Was kostet Yoga?"}).json() == []
    place = f"/knowledge/documents/{answer.json()['id']}/chunks"
    assert [chunk["text"] for chunk in ours.get(place).json()["items"]] == ["Yoga kostet 9 Euro."]
    assert theirs.get(place).status_code == 404


def test_a_large_file_shows_how_far_it_is_and_what_it_became(clients, tenants):
    ours, theirs = clients
    data = papers.pdf([[(700, False, 11, f"Seite {n} von Yoga.")] for n in range(3)])
    answer = upload(ours, "lang.pdf", data + b" " * uploads.MOST_BYTES_AT_ONCE["application/pdf"])
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    place = f"/knowledge/uploads/{answer.json()['id']}"
    assert theirs.get(place).status_code == 404
    TASKS["knowledge.read"](tenants.a, answer.json()["id"])
    shown = ours.get(place).json()
    assert (shown["status"], shown["counts"]) == ("done", {"done": 3, "of": 3, "chunks": 1})
    assert ours.get(f"/knowledge/documents/{shown['document_id']}").json()["name"] == "lang.pdf"
    assert [each["id"] for each in ours.get("/knowledge/uploads").json()["items"]] == [shown["id"]]
    assert theirs.get("/knowledge/uploads").json()["items"] == []


def test_a_file_that_is_not_read_is_a_problem_with_a_way_out(clients):
    answer = upload(clients[0], "scan.pdf", papers.pdf([[]]))
    assert answer.status_code == 422
    assert "text recognition (OCR)" in answer.json()["detail"]


def test_a_document_has_days(clients):
    ours = clients[0]
    body = {"name": "a.md", "language": "de", "body": "Zumba.", "valid_from": "2020-01-01", "valid_until": "2020-02-01"}
    assert ours.post("/knowledge/documents", body).json()["valid_until"] == "2020-02-01"
    assert ours.get("/knowledge/search", params={"q": "Zumba"}).json() == []
    assert ours.post("/knowledge/documents", body | {"valid_until": "2019-01-01"}).status_code == 422
    assert ours.post("/knowledge/documents", body | {"name": "a.pdf"}).status_code == 422


def test_synonyms_are_replaced_as_a_whole(clients):
    ours, theirs = clients
    list_ = {"language": "de", "groups": [["flitzer", "zirkeltraining"]]}
    assert ours.call("PUT", "/knowledge/synonyms", list_).json() == list_
    assert ours.get("/knowledge/synonyms", params={"language": "de"}).json() == list_
    assert ours.get("/knowledge/synonyms", params={"language": "en"}).json()["groups"] == []
    assert theirs.get("/knowledge/synonyms").json()["groups"] == []
    assert ours.call("PUT", "/knowledge/synonyms", list_ | {"groups": [["eins", "EINS"]]}).status_code == 422
    assert ours.call("PUT", "/knowledge/synonyms", list_ | {"groups": []}).json()["groups"] == []


@pytest.fixture
def model(database, monkeypatch):
    monkeypatch.setattr(embedding, "QUERY_SECONDS", 60.0)  # a busy machine is no fault
    with FakeModelServer(meanings={"plantschen": "becken"}) as server:
        before = settings.get_settings()
        values = {"llm_base_url": server.base_url, "llm_model": "m", "llm_embedding_model": "vectors"}
        settings.use(before.model_copy(update=values))
        yield server
        settings.use(before)
        registry.forget()


def test_meaning_is_asked_for_and_paid_once_and_told_where_it_is_not_there(clients, tenants, model):
    ours, theirs = clients
    ours.post("/knowledge/documents", {"name": "a.md", "language": "de", "body": "# Bad\n\nDas Becken ist sauber."})
    assert ours.get("/knowledge/embeddings").json() | {"problem": None} == {
        "model": "vectors", "allowed": True, "chunks": 1, "done": 0, "refused": 0, "problem": None, "retry_at": None,
    }  # fmt: skip
    TASKS["knowledge.embed"](tenants.a, tenants.a)
    assert ours.get("/knowledge/embeddings").json()["done"] == 1
    assert theirs.get("/knowledge/embeddings").json()["chunks"] == 0
    model.requests.clear()
    asked = {"q": "plantschen"}
    plain = ours.get("/knowledge/search", params=asked)
    assert (plain.json(), plain.headers["search-by"], model.requests) == ([], "words", [])
    for _ in range(2):
        found = ours.get("/knowledge/search", params=asked | {"meaning": "true"})
        assert [hit["heading"] for hit in found.json()] == ["Bad"]
        assert found.headers["search-by"] == "words_and_meaning"
    assert len(model.requests) == 1
    assert theirs.get("/knowledge/search", params=asked | {"meaning": "true"}).json() == []
    model.script("Embedding", openai_steps.server_error())
    lame = ours.get("/knowledge/search", params={"q": "Becken", "meaning": "true"})
    assert ([hit["heading"] for hit in lame.json()], lame.headers["search-by"]) == (["Bad"], "words; transient")
    settings.use(settings.get_settings().model_copy(update={"llm_embedding_model": None}))
    assert ours.get("/knowledge/search", params=asked | {"meaning": 1}).headers["search-by"] == "words; not_configured"
    assert ours.get("/knowledge/embeddings").json()["model"] is None
