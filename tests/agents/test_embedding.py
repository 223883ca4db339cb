"""Search by meaning, from the stored document to the draft: metered, bounded, one tenant's own, never in the way."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from uuid import UUID

import pytest
from errands import key_of
from sqlalchemy import delete, func, select, update

from agents import embedding, ledger
from agents.lead.skills import Selection
from agents.llm import registry
from ariia import relay
from ariia.tasks.table import TASKS
from domain.knowledge import service, vectors
from kernel import clock, db, settings
from models import AgentRun, AgentStep, Chunk, ModelCall, PlanUsage, Sketch, Tenant, TenantDue, Vector
from tests.agents.campaign.test_run import current, generated, offer, studio  # noqa: F401 - a fixture
from tests.agents.lead.test_turns import member_of, turn
from tests.fakes import openai_embeddings, openai_steps
from tests.fakes.openai_server import FakeModelServer, load_campaign_handlers

BODY = (
    "# Hausordnung\n\n## Eingang\n\nDer Schlüssel liegt beim Pförtner.\n\n"
    "## Becken\n\nDas Becken ist täglich sauber.\n\n## Getränke\n\nAm Tresen gibt es Tee.\n"
)
MEANINGS = {"schwimmen": "becken", "plantschen": "becken", "cerveza": "tee"}
Use = Callable[..., None]


@pytest.fixture
def model(database, monkeypatch) -> Iterator[FakeModelServer]:
    load_campaign_handlers()
    monkeypatch.setattr(embedding, "QUERY_SECONDS", 60.0)  # a busy machine is no fault
    with FakeModelServer(meanings=MEANINGS) as server:
        before = settings.get_settings()
        _use(server)
        registry.embedder().sleep = lambda _seconds: None
        yield server
        settings.use(before)
        registry.forget()


def _use(server: FakeModelServer, **more: object) -> None:
    values = {"llm_base_url": server.base_url, "llm_model": "fake-model", "llm_embedding_model": "vectors-1"}
    settings.use(settings.get_settings().model_copy(update=values | more))


def stored(tenant_id: UUID, body: str = BODY, name: str = "haus.md", language: str = "de") -> UUID:
    with db.tenant_session(tenant_id) as session:
        about = {"name": name, "body": body, "media_type": "text/markdown", "language": language}
        return service.store_document(session, actor="t", **about).id


def made(tenant_id: UUID) -> vectors.Progress:
    embedding.make_missing(tenant_id)
    with db.tenant_session(tenant_id) as session:
        return vectors.progress(session)


def asked(tenant_id: UUID, query: str, **more: object) -> tuple[vectors.Understood, list[str]]:
    def open_session():
        return db.tenant_session(tenant_id)

    understood = embedding.understand(query, open_session, **more)
    with open_session() as session:
        hits = service.search(session, query, language="de", meaning=understood.meaning)
    return understood, [hit.heading.rpartition(" › ")[2] for hit in hits]


def due(tenant_id: UUID) -> object:
    with db.tenant_session(tenant_id) as session:
        return session.get(TenantDue, (tenant_id, vectors.DUE))


def calls(tenant_id: UUID) -> list[ModelCall]:
    with db.tenant_session(tenant_id) as session:
        return list(session.execute(select(ModelCall).order_by(ModelCall.id)).scalars())


def texts_asked(server: FakeModelServer) -> list[str]:
    return [text for each in server.asked("Embedding") for text in each.body["input"]]


def test_a_stored_document_is_found_by_what_it_means_and_by_nobody_else(tenants, model):
    rung: list[UUID] = []
    stored(tenants.a)
    assert asked(tenants.a, "plantschen")[1] == []
    relay.sweep(lambda task, tenant_id, _subject, _row: rung.append(tenant_id) if task == "knowledge.embed" else None)
    assert tenants.a in rung
    assert tenants.b not in rung
    TASKS["knowledge.embed"](tenants.a, tenants.a)
    with db.tenant_session(tenants.a) as session:
        found = vectors.progress(session)
    assert (found.model, found.chunks, found.done, found.refused, found.problem) == ("vectors-1", 3, 3, 0, None)
    assert due(tenants.a) is None
    assert asked(tenants.a, "plantschen")[1][0] == "Becken"
    assert asked(tenants.b, "plantschen")[1] == []
    stored(tenants.b, BODY.replace("Becken", "Teich"))
    made(tenants.b)
    with db.tenant_session(tenants.b) as session:
        own = set(session.execute(select(Chunk.id)).scalars())
        meaning = embedding.understand("plantschen", lambda: db.tenant_session(tenants.b)).meaning
        assert {hit.chunk_id for hit in service.search(session, "plantschen", language="de", meaning=meaning)} <= own
        assert session.query(Sketch).count() == session.query(Vector).count() == 3


def test_each_call_stands_in_the_ledger_and_the_month_and_a_question_is_asked_once(tenants, model):
    stored(tenants.a)
    made(tenants.a)
    for _ in range(3):
        assert asked(tenants.a, "plantschen")[0].meaning
    rows = calls(tenants.a)
    assert [row.purpose for row in rows] == ["embed_chunks", "embed_question"]
    assert {row.state for row in rows} == {"done"}
    assert [bool(row.reply) for row in rows] == [False, True]
    assert sum(row.in_tokens for row in rows) == model.billed > 0
    with db.tenant_session(tenants.a) as session:
        assert session.query(PlanUsage).filter_by(limit_key="llm_tokens").one().used == model.billed
    assert calls(tenants.b) == []


def test_a_changed_chunk_loses_its_vector_and_only_new_texts_are_asked(tenants, model):
    document_id = stored(tenants.a)
    made(tenants.a)
    model.requests.clear()
    stored(tenants.a, BODY.replace("Das Becken ist täglich sauber.", "Der Saal ist leer."))
    with db.tenant_session(tenants.a) as session:
        assert vectors.progress(session).done == 2
        assert session.query(Vector).count() == 2
    assert made(tenants.a).done == 3
    assert [text.rpartition("\n")[2] for text in texts_asked(model)] == ["Der Saal ist leer."]
    with db.tenant_session(tenants.a) as session:
        session.execute(update(Sketch).values(content_hash="of another text"))
        assert vectors.progress(session).done == 3
    assert asked(tenants.a, "plantschen")[1] == []  # what a vector was made of must be what the chunk says
    with db.tenant_session(tenants.a) as session:
        service.delete_document(session, document_id, actor="t")
        assert (session.query(Sketch).count(), session.query(Vector).count()) == (0, 0)


def test_another_model_makes_all_of_them_anew_and_never_meets_the_old_ones(tenants, model):
    stored(tenants.a)
    made(tenants.a)
    _use(model, llm_embedding_model="vectors-2")
    with db.tenant_session(tenants.a) as session:
        assert (vectors.progress(session).done, vectors.progress(session).chunks) == (0, 3)
    assert asked(tenants.a, "plantschen")[1] == []
    vectors.expect_everywhere()
    assert due(tenants.a) is not None
    assert made(tenants.a).done == 3
    assert asked(tenants.a, "plantschen")[1][0] == "Becken"
    _use(model, llm_embedding_model="vectors-2", llm_embedding_dimensions=64)
    assert made(tenants.a).model == "vectors-2@64"
    with db.tenant_session(tenants.a) as session:
        assert set(session.execute(select(Sketch.dimensions)).scalars()) == {64}
    assert asked(tenants.a, "plantschen")[1][0] == "Becken"


def test_nothing_leaves_where_plan_or_tenant_forbid_it(tenants, model):
    stored(tenants.a)
    with db.tenant_session(tenants.a) as session:
        session.execute(update(Tenant).values(ai_egress="none"))
    with db.tenant_session(tenants.b) as session:
        session.execute(update(Tenant).values(tier="professional"))
    stored(tenants.b)
    for tenant_id in (tenants.a, tenants.b):
        assert made(tenant_id).done == 0
        assert due(tenant_id) is None
        assert asked(tenant_id, "Becken")[0].as_json() == {"by": "words", "code": "not_allowed"}
        assert calls(tenant_id) == []
    with db.tenant_session(tenants.a) as session:
        session.execute(update(Tenant).values(ai_egress="no_member_data"))
    assert asked(tenants.a, "Becken", of_member=True)[0].code == "not_allowed"
    assert model.requests == []
    _use(model, llm_embedding_model=None)
    assert asked(tenants.a, "Becken")[0].as_json() == {"by": "words"}
    stored(tenants.a, "# Neu\n\nText.", "neu.md")
    assert due(tenants.a) is None


def test_an_endpoint_that_fails_is_told_and_tried_again_later(tenants, model):
    stored(tenants.a)
    model.script("Embedding", *[openai_steps.rate_limited(retry_after=500)])
    stopped = made(tenants.a)
    assert (stopped.done, stopped.problem) == (0, "rate_limited")
    assert stopped.retry_at > clock.now() + timedelta(seconds=400)
    assert due(tenants.a).next_due_at == stopped.retry_at
    assert (made(tenants.a).done, made(tenants.a).problem) == (3, None)


def test_a_text_that_the_model_refuses_holds_up_no_other_and_an_endpoint_that_refuses_all_marks_none(
    tenants, model, monkeypatch
):
    real = openai_embeddings.refusal_of

    def refused(body, refuses=frozenset()):
        found = real(body, refuses)
        bad = any("gift" in text for text in body["input"])
        return openai_embeddings.Refusal("This input is not supported", "input") if bad or "all" in refuses else found

    monkeypatch.setattr("tests.fakes.openai_server.openai_embeddings.refusal_of", refused)
    stored(tenants.a, "# A\n\ngift\n\n# B\n\nTee\n\n# C\n\nKakao\n")
    model.refuses = frozenset({"all"})
    stopped = made(tenants.a)
    assert (stopped.done, stopped.refused, stopped.problem) == (0, 0, "bad_request")
    model.refuses = frozenset()
    ended = made(tenants.a)
    assert (ended.done, ended.refused, ended.problem) == (2, 1, None)
    model.requests.clear()
    assert made(tenants.a).refused == 1
    assert model.requests == []
    assert asked(tenants.a, "cerveza")[1][0] == "B"


def test_vectors_leave_half_of_the_month_to_drafts_and_a_question_pays_from_all_of_it(tenants, model):
    stored(tenants.a)
    _use(model, llm_month_token_limit=1_000)
    assert asked(tenants.a, "Becken")[0].meaning
    with db.tenant_session(tenants.a) as session:
        session.execute(update(PlanUsage).where(PlanUsage.limit_key == "llm_tokens").values(used=500))
    model.requests.clear()
    stopped = made(tenants.a)
    assert (stopped.done, stopped.problem) == (0, "month_share_spent")
    assert model.requests == []
    assert asked(tenants.a, "Eingang")[0].meaning
    with db.tenant_session(tenants.a) as session:
        session.execute(update(PlanUsage).where(PlanUsage.limit_key == "llm_tokens").values(used=999))
    understood, headings = asked(tenants.a, "Getränke")
    assert understood.as_json() == {"by": "words", "code": "month_token_limit"}
    assert headings == ["Getränke"]


@pytest.mark.parametrize(
    ("step", "code"),
    [
        (openai_steps.server_error(), "transient"),
        (openai_steps.unauthorized(), "auth"),
        (openai_steps.too_few_vectors(), "protocol"),
        (openai_steps.delay(30), "timeout"),
    ],
)
def test_a_question_without_an_answer_in_time_is_searched_by_its_words(tenants, model, monkeypatch, step, code):
    stored(tenants.a)
    made(tenants.a)
    if code == "timeout":
        monkeypatch.setattr(embedding, "QUERY_SECONDS", 0.5)
    model.script("Embedding", step)
    understood, headings = asked(tenants.a, "Becken")
    assert understood.as_json() == {"by": "words", "code": code}
    assert headings == ["Becken"]


def test_a_death_between_the_answer_and_its_storing_is_paid_once_more_and_no_vector_is_half_there(
    tenants, model, monkeypatch
):
    stored(tenants.a)
    real, died = vectors.store, []

    def dies(*arguments):
        real(*arguments)
        if not died:
            died.append(True)
            raise KeyboardInterrupt

    monkeypatch.setattr(vectors, "store", dies)
    with pytest.raises(KeyboardInterrupt):
        embedding.make_missing(tenants.a)
    with db.tenant_session(tenants.a) as session:
        assert session.query(Sketch).count() == session.query(Vector).count() == 0
    assert made(tenants.a).problem is None  # another seems to be at it
    assert len(model.asked("Embedding")) == 1
    with db.tenant_session(tenants.a) as session:
        session.execute(update(ModelCall).values(lease_until=func.clock_timestamp() - ledger.LEASE))
    assert made(tenants.a).done == 3
    assert len(model.asked("Embedding")) == 2
    assert len(calls(tenants.a)) == 1


def test_many_chunks_are_made_in_batches_and_turns(tenants, model, monkeypatch):
    monkeypatch.setattr(embedding, "BATCH", 4)
    monkeypatch.setattr(embedding, "BATCHES_AT_ONCE", 2)
    stored(tenants.a, "".join(f"# Raum {n}\n\nHier steht Stuhl {n}.\n\n" for n in range(11)))
    assert [made(tenants.a).done for _ in range(2)] == [8, 11]
    assert [len(each.body["input"]) for each in model.asked("Embedding")] == [4, 4, 3]
    assert due(tenants.a) is None


def test_a_draft_says_how_it_searched_and_its_question_is_on_its_bill(studio, model):  # noqa: F811
    with db.tenant_session(studio) as session:
        offer(session)
    made(studio)
    campaign_id = generated(studio)
    assert current(studio, campaign_id).origin == "model"
    with db.tenant_session(studio) as session:
        run = session.execute(select(AgentRun).where(AgentRun.campaign_id == campaign_id)).scalar_one()
        step = session.execute(select(AgentStep).where(AgentStep.run_id == run.id, AgentStep.node == "retrieve"))
        assert step.scalar_one().info == {"search": {"by": "words_and_meaning"}}
        assert run.inputs_json["search"] == {"by": "words_and_meaning"}
    bill = [call for call in calls(studio) if call.run_id == run.id]
    assert [call.purpose for call in bill].count("embed_question") == 1
    assert run.spent_tokens == sum(call.in_tokens + call.out_tokens for call in bill)
    with db.tenant_session(studio) as session:
        session.execute(delete(ModelCall).where(ModelCall.purpose == "embed_question"))
    model.script("Embedding", openai_steps.server_error())
    campaign_id = generated(studio)
    with db.tenant_session(studio) as session:
        run = session.execute(select(AgentRun).where(AgentRun.campaign_id == campaign_id)).scalar_one()
        assert (run.status, run.inputs_json["search"]) == ("done", {"by": "words", "code": "transient"})


def test_the_lead_asks_what_a_question_means_but_a_members_only_with_insights(tenants, model):
    stored(tenants.a)
    made(tenants.a)
    member = member_of(tenants.a)
    asks = {"intent": "search_knowledge", "query": "Wie sauber ist das Becken?"}
    model.handlers["Selection"] = lambda _ask: dict.fromkeys(Selection.model_fields) | asks

    def embedded(who) -> int:
        before = len(model.asked("Embedding"))
        assert turn(tenants.a, who, "Wie sauber ist das Becken?").kind == "answer"
        return len(model.asked("Embedding")) - before

    assert embedded(member) == 0
    assert embedded(key_of(tenants.a)) == 1
    with db.tenant_session(tenants.a) as session:
        session.execute(delete(ModelCall).where(ModelCall.purpose == "embed_question"))
        session.execute(update(Tenant).values(ai_egress="insights"))
    assert embedded(member) == 1
