"""One function says how a task stands: every combination of facts has a state, and people's decisions are final."""

from hypothesis import given
from hypothesis import strategies as st

from domain.agent_tasks.states import OVER, Facts, State, state_of
from domain.campaigns.lifecycle import Status

RUNS = (None, "queued", "running", "paused_budget", "paused_provider", "failed", "cancelled", "done", "needs_input")
FACTS = st.builds(
    Facts,
    lasting=st.booleans(),
    refused=st.booleans(),
    cancelled=st.booleans(),
    unconfirmed=st.booleans(),
    campaign=st.sampled_from([None, *Status]),
    verdict=st.sampled_from([None, "approve", "reject"]),
    run=st.sampled_from(RUNS),
)


@given(FACTS)
def test_every_combination_has_one_state_and_the_first_reason_wins(facts):
    state = state_of(facts)
    if facts.refused:
        assert state is State.REFUSED
    elif facts.cancelled:
        assert state is State.CANCELLED
    elif facts.unconfirmed:
        assert state is State.WAITING_INPUT
    elif facts.lasting and facts.verdict:
        assert state is (State.DONE if facts.verdict == "approve" else State.FAILED)
    else:
        assert (state is State.DONE) or facts.lasting


@given(FACTS, st.sampled_from(list(Status)), st.sampled_from(RUNS))
def test_what_people_do_after_their_decision_leaves_the_task_as_it_is(facts, later, run):
    if facts.verdict is None or not facts.lasting:
        return
    before = state_of(facts)
    values = {name: getattr(facts, name) for name in facts.__slots__} | {"campaign": later, "run": run}
    assert state_of(Facts(**values)) is before


def test_nothing_that_may_still_be_written_is_over():
    for status in (Status.AI_GENERATING, Status.NEEDS_INPUT, Status.PENDING_REVIEW):
        for run in ("queued", "running", "paused_budget", "paused_provider"):
            assert state_of(Facts(lasting=True, campaign=status, run=run)) not in OVER
    assert state_of(Facts(lasting=True, campaign=Status.CANCELLED, run="done")) is State.CANCELLED


def test_a_paused_run_says_why_also_when_its_campaign_is_a_draft_again():
    assert state_of(Facts(lasting=True, campaign="draft", run="paused_budget")) is State.PAUSED_BUDGET
    assert state_of(Facts(lasting=True, campaign="draft", run="failed")) is State.FAILED
    assert state_of(Facts(lasting=True, campaign="ai_generating", run="paused_provider")) is State.PAUSED_PROVIDER
