"""The page of quality metrics: every group is found, what needs no clock is met, and the page shows what was seen."""

import importlib

from bench import agent
from bench.agent_metrics import Metric, texts


def test_every_group_of_metrics_can_be_measured():
    assert {"campaigns", "injections", "texts"} <= set(agent.modules())
    for name in agent.modules():
        assert callable(importlib.import_module(f"bench.agent_metrics.{name}").rows)


def test_texts_meet_their_targets():
    found = {metric.number: metric for metric in texts.rows(quick=True)}
    assert found["14.2"].seen == "144 of 144"
    assert [metric.name for number, metric in found.items() if number != "10.1" and metric.met is not True] == []


def test_the_page_lists_what_was_seen_and_how():
    shown = agent.page([Metric("9.1", "calls", "≤ 12", "9", met=True, how="counted"),
                        Metric("9.2", "more", "0", "1", met=False, how="too")], "# Head\n")  # fmt: skip
    assert "| 9.1 | calls | ≤ 12 | 9 | met |" in shown
    assert "| 9.2 | more | 0 | 1 | **missed** |" in shown
    assert "- **9.1 calls**: counted" in shown
