from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.llm.errors import Hint
from agents.llm.ladder import Ladder, messages, response_format, step_down
from agents.llm.port import Dialect, Profile, SchemaMode
from tests.agents.llm.bench import request


def test_the_ladder_goes_down_and_ends():
    dialect, seen = Dialect(), [SchemaMode.STRICT]
    while (lower := step_down(dialect, Hint())) is not None:
        dialect = lower
        seen.append(dialect.mode)
    assert seen == list(SchemaMode)


HINTS = st.builds(
    Hint,
    parameter=st.sampled_from([None, "max_tokens", "max_completion_tokens", "temperature", "response_format", "n"]),
    code=st.sampled_from([None, "context_length_exceeded", "other"]),
    speaks_of_schema=st.booleans(),
)


@given(st.sampled_from(SchemaMode), HINTS)
def test_a_step_changes_exactly_one_thing_or_says_that_none_would_help(mode: SchemaMode, hint: Hint):
    before = Dialect(mode=mode)
    after = step_down(before, hint)
    if after is None:
        assert hint.code == "context_length_exceeded" or mode is SchemaMode.PLAIN
        return
    fields = ("mode", "max_tokens_param", "temperature_ok", "show_schema")
    assert sum(getattr(before, name) != getattr(after, name) for name in fields) == 1


def test_each_endpoint_has_its_own_memory():
    ladder, lower = Ladder(), Dialect(mode=SchemaMode.PLAIN)
    ladder.remember("a", lower)
    assert ladder.dialect("a", Profile()) == lower
    assert ladder.dialect("b", Profile(schema_mode=SchemaMode.JSON_OBJECT)).mode is SchemaMode.JSON_OBJECT


@pytest.mark.parametrize(
    ("mode", "kind", "strict"),
    [("strict", "json_schema", True), ("json_schema", "json_schema", None), ("json_object", "json_object", None)],
)
def test_the_rung_decides_the_response_format(mode: str, kind: str, strict: bool | None):
    made = response_format(replace(request(), dialect=Dialect(mode=SchemaMode(mode))))
    assert made is not None
    assert made["type"] == kind
    assert made.get("json_schema", {}).get("strict") == strict


def test_the_schema_as_text_comes_last_so_that_the_prefix_stays_the_same():
    plain = messages(request())
    shown = messages(replace(request(), dialect=Dialect(mode=SchemaMode.PLAIN)))
    assert shown[:-1] == plain[:-1]
    assert shown[-1].content.startswith(plain[-1].content)
    assert "JSON schema of Letter" in shown[-1].content
