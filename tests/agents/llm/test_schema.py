import json
from contextlib import suppress
from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from agents.llm.errors import Fault, ModelError
from agents.llm.schema import parse, schema_hash, strict_schema, strip_fence
from tests.fakes.openai_personas import fill
from tests.fakes.openai_rules import strict_problem


class Angle(StrEnum):
    NEWS = "news"
    OFFER = "offer"


class Heading(BaseModel):
    type: Literal["heading"]
    text: str = Field(max_length=80)


class Bullets(BaseModel):
    type: Literal["bullets"]
    items: list[str] = Field(min_length=1, max_length=5)


class Claim(BaseModel):
    sentence: str
    chunk_ids: list[str]


class Mail(BaseModel):
    """A form with a union, an enum, a default, a limit and a nullable part."""

    model_config = ConfigDict(extra="forbid")

    angle: Angle = Field(description="how it is told")
    blocks: list[Annotated[Heading | Bullets, Field(discriminator="type")]]
    claims: list[Claim] = []
    ps: Claim | None = None
    weight: int = Field(default=1, ge=1, le=9)


def test_a_form_becomes_a_schema_that_strict_mode_accepts():
    assert strict_problem(strict_schema(Mail)) is None


def test_every_property_is_required_and_no_other_is_allowed():
    schema = strict_schema(Mail)
    assert schema["required"] == ["angle", "blocks", "claims", "ps", "weight"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["ps"]["anyOf"][1] == {"type": "null"}


def test_limits_are_told_in_words_because_servers_refuse_them_as_keywords():
    heading, bullets = strict_schema(Mail)["properties"]["blocks"]["items"]["anyOf"]
    assert heading["properties"]["text"]["description"] == "at most 80 characters"
    assert bullets["properties"]["items"]["description"] == "at least 1 items; at most 5 items"
    assert strict_schema(Mail)["properties"]["angle"] == {
        "type": "string",
        "enum": ["news", "offer"],
        "description": "how it is told",
    }


def test_a_filled_schema_is_a_valid_form():
    mail = parse(Mail, json.dumps(fill(strict_schema(Mail))))
    assert mail.blocks[0].type == "heading"


class Tree(BaseModel):
    children: list["Tree"]


class Free(BaseModel):
    anything: dict[str, str]


class Pair(BaseModel):
    both: tuple[int, str]


class Whatever(BaseModel):
    value: Any


@pytest.mark.parametrize("form", [Tree, Free, Pair, Whatever])
def test_what_strict_mode_cannot_say_is_refused_when_the_form_is_built(form: type[BaseModel]):
    with pytest.raises(TypeError):
        strict_schema(form)


def test_the_hash_follows_name_and_shape():
    assert schema_hash(Mail) == schema_hash(Mail)
    assert schema_hash(Mail) != schema_hash(Claim)


class Note(BaseModel):
    text: str
    n: int


@pytest.mark.parametrize(
    ("reply", "word"),
    [
        ('{"text": "a", "text": "b", "n": 1}', "twice"),
        ('{"text": "a", "n": NaN}', "NaN"),
        ('{"text": "a"}', "n"),
        ('{"text": "a", "n": 1, "more": 2}', "more"),
        ('{"text": 5, "n": 1}', "text"),
        ('Here you are: {"text": "a", "n": 1}', "JSON"),
        ('{"text": "a\\u0000", "n": 1}', "stored"),
        ('{"text": "a\\ud800", "n": 1}', "stored"),
        ("[" * 100_000, "nested"),
        ('{"text": "a", "n": ' + "9" * 5000 + "}", "digits"),
        ("[]", "object"),
        ("null", "object"),
    ],
)
def test_a_reply_without_the_form_is_malformed_and_says_why(reply: str, word: str):
    with pytest.raises(ModelError) as caught:
        parse(Note, reply)
    assert caught.value.fault is Fault.MALFORMED
    assert word in " ".join(caught.value.problems)


@pytest.mark.parametrize("wrapped", ["```json\n{}\n```", "```\n{}\n```", "\ufeff{}", "  {}\n", "```JSON\r\n{}```"])
def test_one_fence_around_the_whole_reply_is_taken_off(wrapped: str):
    assert strip_fence(wrapped) == "{}"


@pytest.mark.parametrize("kept", ["```python\n{}\n```", "Text ```json\n{}\n```", "``````", "```"])
def test_anything_else_stays_as_it_is(kept: str):
    assert strip_fence(kept) == kept


@given(st.text(max_size=300))
def test_any_text_is_either_the_form_or_malformed(text: str):
    with suppress(ModelError):
        assert isinstance(parse(Note, text), Note)


@given(
    st.builds(Note, text=st.text(st.characters(exclude_characters="\0", codec="utf-8")), n=st.integers(-(10**9), 10**9))
)
def test_a_form_survives_its_own_json(note: Note):
    assert parse(Note, note.model_dump_json()) == note
