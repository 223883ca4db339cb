"""What a relay's answer makes of a message, and how long it waits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.base import FailureKind, SendFailed
from domain.delivery import answers, rules
from domain.delivery.answers import Start
from domain.delivery.rules import LONGEST_WAIT, MOST_ATTEMPTS, Reason
from kernel.ids import new_id

START = Start(new_id(), new_id())


def after(kind: FailureKind, phase: str, code: str = "", attempt: int = 1) -> answers.Answer:
    return answers.refused(START, attempt, SendFailed(kind, phase, code, "words"))


@pytest.mark.parametrize(
    ("kind", "phase", "state", "reason"),
    [
        (FailureKind.AMBIGUOUS, "dot", "unknown", Reason.NO_ANSWER),
        (FailureKind.PERMANENT_RECIPIENT, "rcpt", "bounced", Reason.REFUSED),
        (FailureKind.PERMANENT_CONTENT, "dot", "failed", Reason.REFUSED),
        (FailureKind.PERMANENT_CONFIG, "auth", "deferred", Reason.RELAY_REFUSES),
        (FailureKind.TRANSIENT, "connect", "deferred", Reason.RELAY_AWAY),
        (FailureKind.TRANSIENT, "rcpt", "deferred", Reason.RETRY),
        (FailureKind.THROTTLE, "mail", "deferred", Reason.THROTTLED),
    ],
)
def test_each_kind_of_refusal_has_its_state(kind, phase, state, reason):
    answer = after(kind, phase)
    assert (answer.state, answer.reason, answer.phase, answer.words) == (state, reason, phase, "words")


def test_a_relay_that_is_away_uses_up_no_attempt_of_anybody():
    assert not after(FailureKind.TRANSIENT, "connect", attempt=1).counted
    assert not after(FailureKind.PERMANENT_CONFIG, "auth").counted
    assert after(FailureKind.TRANSIENT, "rcpt").counted


def test_an_attempt_too_many_fails_with_its_reason():
    assert after(FailureKind.TRANSIENT, "rcpt", attempt=MOST_ATTEMPTS).reason == Reason.TOO_MANY_ATTEMPTS
    assert after(FailureKind.TRANSIENT, "rcpt", attempt=MOST_ATTEMPTS - 1).state == "deferred"


@given(attempt=st.integers(1, 40), asked=st.none() | st.floats(0, 1e6))
def test_a_wait_is_positive_and_at_most_an_hour(attempt, asked):
    wait = rules.wait_before(attempt, asked)
    assert 0 <= wait <= LONGEST_WAIT
    if asked is not None:
        assert wait == min(asked, LONGEST_WAIT)


@given(kind=st.sampled_from(FailureKind), phase=st.sampled_from(["connect", "auth", "mail", "rcpt", "data", "dot"]))
def test_only_what_was_surely_not_sent_is_tried_again(kind, phase):
    failure = SendFailed(kind, phase, "", "")
    answer = answers.refused(START, 1, failure)
    assert (answer.state == "deferred") == (failure.retryable or kind is FailureKind.PERMANENT_CONFIG)
    assert (answer.wait is not None) == (answer.state == "deferred")


def test_every_reason_and_state_has_a_sentence_in_both_languages():
    for reason in Reason:
        said = rules.sentence("skipped", reason)
        assert said["de"] != said["en"], reason
    for state in rules.OPEN:
        assert rules.sentence(state, None)["de"] != state
