"""Every rule proves itself on its own examples and counter-examples."""

import inspect
from datetime import datetime, timedelta, timezone

import pytest

from agents.follow_up.when import Resolution, resolve
from agents.follow_up.when.grammar import Grammar, Leaf, Rule
from agents.follow_up.when.rules import common, english, german

REF = datetime(2013, 2, 12, 4, 30, tzinfo=timezone(timedelta(hours=-2)))


def _lines(kind: str) -> list[tuple[str, str, str]]:
    found = []
    for lang, source in (("*", common.RULES), ("de", german.RULES), ("en", english.RULES)):
        for rule in source:
            for line in getattr(rule, kind):
                spoken, _, text = line.partition(": ") if lang == "*" else (lang, "", line)
                found.append((rule.id, spoken, text))
    return found


@pytest.mark.parametrize(("rule", "lang", "line"), _lines("yes"))
def test_a_rule_reads_its_examples(rule: str, lang: str, line: str):
    text, _, wanted = line.partition(" = ")
    answer = resolve(text, ref=REF, lang=lang)
    assert isinstance(answer, Resolution), answer
    exact = "T" in wanted
    assert answer.value.replace(tzinfo=None).isoformat()[: 16 if exact else 10] == wanted
    assert rule in answer.rule_ids


@pytest.mark.parametrize(("rule", "lang", "text"), _lines("no"))
def test_a_rule_is_silent_on_its_counter_examples(rule: str, lang: str, text: str):
    answer = resolve(text, ref=REF, lang=lang)
    assert not isinstance(answer, Resolution) or rule not in answer.rule_ids


def test_rules_have_names_of_their_own():
    for own in (german.RULES, english.RULES):
        names = [rule.id for rule in (*common.RULES, *own)]
        assert len(names) == len(set(names))


def test_most_rules_carry_an_example():
    everything = (*common.RULES, *german.RULES, *english.RULES)
    speaking = [
        rule for rule in everything if rule.makes in {"DATE", "CLOCK", "WHEN", "EXACT", "PART", "HOLIDAY", "SPAN"}
    ]
    assert [rule.id for rule in speaking if not rule.yes and "gone" not in rule.id] == []


def test_optional_and_alternative_elements_fill_their_places():
    grammar = Grammar([Rule("pair", "P", "A|B and? C?", lambda first, last: (first, last))])
    leaves = [[Leaf("B", 1)], [], [Leaf("C", 2)]]
    found = grammar.parse(leaves, ["one", "and", "two"]).at[0]["P"]
    assert {(edge.end, edge.value) for edge in found} == {(1, (1, None)), (2, (1, None)), (3, (1, 2))}


def _values_of(shape: str) -> int:
    return sum(1 for element in shape.split() if element.removesuffix("?").isupper())


def test_a_builder_takes_one_value_per_category():
    for rule in (*common.RULES, *german.RULES, *english.RULES):
        inspect.signature(rule.build).bind(*range(_values_of(rule.shape)))
