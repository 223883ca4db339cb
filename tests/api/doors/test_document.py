"""docs/lead-agent.md: its tables are the code's, and its examples run against the service."""

import re
import threading

import pytest
from errands import play, secret_of, stock

from api.doors import a2a_map, mcp
from domain.agent_tasks import skills
from domain.agent_tasks.states import State
from kernel import db
from models import AgentTask
from tests.conftest import ROOT

DOCUMENT = (ROOT / "docs/lead-agent.md").read_text()
EXAMPLES = re.findall(r"^## ([^\n]+)\n(?:(?!^## ).)*?```python\n(.*?)```", DOCUMENT, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("title", "code"), EXAMPLES, ids=[title for title, _ in EXAMPLES])
def test_the_examples_delegate_for_real(address, tenants, monkeypatch, capsys, title, code):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    stock(tenants.a)
    over = threading.Event()

    def work():
        while not over.wait(0.1):
            play(tenants.a)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        exec(compile(code, title, "exec"), {"URL": address, "KEY": secret_of(tenants.a), "__name__": title})
    finally:
        over.set()
        worker.join()
    assert capsys.readouterr().out
    with db.tenant_session(tenants.a) as session:
        assert session.query(AgentTask).one().skill == "draft_campaign"


def test_every_door_has_an_example():
    assert [title for title, _ in EXAMPLES] == ["Python", "REST", "MCP", "A2A", "A chat with the lead agent"]


@pytest.mark.parametrize("spec", skills.SKILLS.values(), ids=skills.SKILLS)
def test_the_table_of_skills_is_the_catalogue(spec):
    assert f"| `{spec.name}` | {spec.sentence} | {'yes' if spec.lasting else 'no'} |" in DOCUMENT


@pytest.mark.parametrize("state", State)
def test_the_table_of_states_is_what_the_doors_say(state):
    name = a2a_map.pb.TaskState.Name(a2a_map.STATE[state]).removeprefix("TASK_STATE_")
    shown = "completed with `isError`" if state is State.REFUSED else mcp._STATUS[state]
    assert f"| `{state}` | {name} | {shown} |" in DOCUMENT
