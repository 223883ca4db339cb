"""One function says how a task stands: every combination of facts has a state, and people's decisions are final."""

from hypothesis import given
from hypothesis import strategies as st

from domain.agent_tasks.states import OVER, Facts, Part, State, state_of, state_of_part
from domain.campaigns.lifecycle import Status

RUNS = (None, "queued", "running", "paused_budget", "paused_provider", "failed", "cancelled", "done", "needs_input")
PARTS = st.builds(
    Part,
    campaign=st.sampled_from([None, *Status]),
    verdict=st.sampled_from([None, "approve", "reject"]),
    run=st.sampled_from(RUNS),
)
FACTS = st.builds(
    Facts,
    lasting=st.booleans(),
    refused=st.booleans(),
    cancelled=st.booleans(),
    unconfirmed=st.booleans(),
    parts=st.lists(PARTS, max_size=4).map(tuple),
)


def alone(**known):
    return state_of(Facts(lasting=True, parts=(Part(**known),)))


@given(FACTS)
def test_every_combination_has_one_state_and_the_first_reason_wins(facts):
    state = state_of(facts)
    if facts.refused:
        assert state is State.REFUSED
    elif facts.cancelled and not any(part.verdict for part in facts.parts):
        assert state is State.CANCELLED
    elif facts.unconfirmed:
        assert state is State.WAITING_INPUT
    elif facts.lasting and len(facts.parts) == 1 and facts.parts[0].verdict:
        assert state is (State.DONE if facts.parts[0].verdict == "approve" else State.FAILED)
    else:
        assert (state is State.DONE) or facts.lasting


@given(st.lists(PARTS, min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_of_several_campaigns_the_task_is_over_when_all_are_and_says_who_is_to_act(parts, chance):
    state, each = state_of(Facts(lasting=True, parts=tuple(parts))), [state_of_part(part) for part in parts]
    mixed = list(parts)
    chance.shuffle(mixed)
    assert state_of(Facts(lasting=True, parts=tuple(mixed))) is state
    assert (state in OVER) == all(one in OVER for one in each)
    if state in OVER:
        assert state is next(end for end in (State.DONE, State.FAILED, State.CANCELLED) if end in each)
    elif state is State.WAITING_REVIEW:
        assert not {State.WAITING_INPUT, State.RUNNING, State.QUEUED} & set(each)
    assert (state is State.WAITING_INPUT) == (State.WAITING_INPUT in each)
    assert len(set(each)) > 1 or state is each[0]


@given(st.sampled_from(["approve", "reject"]), st.lists(PARTS, max_size=3), st.sampled_from(list(Status)))
def test_what_people_do_after_their_decision_leaves_the_task_as_it_is(verdict, others, later):
    before = Part(campaign="approved", verdict=verdict, run="done")
    after = Part(campaign=later, verdict=verdict, run="queued")
    states = [state_of(Facts(lasting=True, parts=(part, *others))) for part in (before, after)]
    assert states[0] is states[1]


def test_nothing_that_may_still_be_written_is_over():
    for status in (Status.AI_GENERATING, Status.NEEDS_INPUT, Status.PENDING_REVIEW):
        for run in ("queued", "running", "paused_budget", "paused_provider"):
            assert alone(campaign=status, run=run) not in OVER
    assert alone(campaign=Status.CANCELLED, run="done") is State.CANCELLED


def test_a_paused_run_says_why_also_when_its_campaign_is_a_draft_again():
    assert alone(campaign="draft", run="paused_budget") is State.PAUSED_BUDGET
    assert alone(campaign="draft", run="failed") is State.FAILED
    assert alone(campaign="ai_generating", run="paused_provider") is State.PAUSED_PROVIDER
