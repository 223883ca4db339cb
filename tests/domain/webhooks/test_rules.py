"""Signatures, patterns and waiting times."""

import base64
import json

import pytest
from fakes.webhook_receiver import verified
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.campaigns.lifecycle import Verb
from domain.webhooks import catalog, rules

IDS = st.uuids().map(str)
BODIES = st.dictionaries(
    st.text(max_size=10), st.recursive(st.none() | st.integers() | st.text(), st.lists), max_size=5
)


def test_the_published_example_of_standard_webhooks_is_signed_alike():
    # https://github.com/standard-webhooks/standard-webhooks, libraries/*/ test vector
    signature = rules.sign(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    )
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(IDS, BODIES)
def test_an_independent_reader_accepts_what_we_sign(message_id, content):
    secret, body = rules.new_secret(), rules.encode({"data": content})
    made = rules.headers([secret], message_id, 1_700_000_000, body)
    assert verified(secret, made, body, now=1_700_000_299)
    assert not verified(secret, made, body, now=1_700_000_301)
    assert not verified(rules.new_secret(), made, body, now=1_700_000_000)
    assert json.loads(body)["data"] == content


@settings(max_examples=100)
@given(IDS, st.binary(min_size=1, max_size=60), st.data())
def test_nothing_that_was_altered_verifies(message_id, body, data):
    secret = rules.new_secret()
    made = rules.headers([secret], message_id, 1_700_000_000, body)
    place = data.draw(st.integers(0, len(body) * 8 - 1))
    altered = bytearray(body)
    altered[place // 8] ^= 1 << place % 8
    assert not verified(secret, made, bytes(altered), now=1_700_000_000)
    for name, value in (("webhook-id", message_id + "0"), ("webhook-timestamp", "1700000001")):
        assert not verified(secret, made | {name: value}, body, now=1_700_000_000)


@given(IDS, st.binary(max_size=60))
def test_during_a_rotation_both_secrets_verify(message_id, body):
    new, old = rules.new_secret(), rules.new_secret()
    made = rules.headers([new, old], message_id, 1_700_000_000, body)
    assert all(verified(secret, made, body, now=1_700_000_000) for secret in (new, old))


@pytest.mark.parametrize("text", ["", "whsec_", "abc", "whsec_!!!!", "whsec_" + base64.b64encode(b"x" * 23).decode()])
def test_a_text_that_is_no_secret_is_refused(text):
    with pytest.raises(rules.BadSecret):
        rules.key_of(text)


@pytest.mark.parametrize(("patterns", "event_type", "covered"), [
    (["*"], "crm.campaign.created", True),
    (["*"], "crm.campaign.recipient.sent", False),
    (["crm.campaign.*"], "crm.campaign.started", True),
    (["crm.campaign.*"], "crm.campaign.recipient.opened", False),
    (["crm.campaign.*"], "crm.consent.granted", False),
    (["crm.campaign.recipient.*"], "crm.campaign.recipient.opened", True),
    (["crm.campaign.recipient.*"], "crm.campaign.started", False),
    (["crm.campaign.recipient.sent"], "crm.campaign.recipient.opened", False),
    (["crm.consent.granted", "crm.member.*"], "crm.member.erased", True),
    ([], "crm.member.erased", False),
])  # fmt: skip
def test_a_pattern_covers_what_it_says(patterns, event_type, covered):
    assert rules.matches(patterns, event_type) is covered


@pytest.mark.parametrize(
    "text", ["crm", "crm.", "crm.campaign", "crm.camp*", "**", "crm.nothing.*", "", ".*", "crm.campaign.created.*"]
)
def test_a_pattern_that_covers_nothing_is_refused(text):
    assert not rules.is_pattern(text)


def test_the_waits_are_those_of_the_document_and_then_it_is_over():
    for attempt, seconds in enumerate((5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400), 1):
        waits = {rules.wait_after(attempt) for _ in range(50)}
        assert all(seconds * 0.9 <= wait <= seconds * 1.1 for wait in waits)
        assert len(waits) > 1
    assert rules.wait_after(10) is None


@pytest.mark.parametrize("status", [None, 100, 199, 300, 301, 302, 304, 307, 308, 400, 410, 500])
def test_only_2xx_is_a_success(status):
    assert not rules.is_success(status)
    assert rules.is_success(200)
    assert rules.is_success(299)


def test_every_step_of_a_campaign_that_tells_something_is_a_verb_and_in_the_catalogue():
    assert set(catalog.OF_STEP) <= set(Verb)
    assert set(catalog.OF_STEP.values()) <= set(catalog.TYPES)
