"""Labelled turns against the rules: what is scheduled is meant, and what is meant is mostly scheduled."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from agents.follow_up.deciding import Action
from agents.follow_up.dry_run import Understood, understand

ZONE = "Europe/Berlin"
REF = datetime(2026, 11, 18, 9, 30, tzinfo=ZoneInfo(ZONE))


@dataclass(frozen=True)
class Labelled:
    language: str
    open: str
    expected: str
    text: str


def corpus() -> list[Labelled]:
    lines = (Path(__file__).parent / "turns.tsv").read_text().splitlines()
    return [Labelled(*line.split("\t")) for line in lines if line and not line.startswith("#")]


def run(one: Labelled) -> Understood:
    return understand(
        one.text, ref=REF, zone=ZONE, language=one.language, pending=one.open == "p", proposed=one.open == "q"
    )


def outcome(one: Labelled, done: Understood) -> str:
    """What was done, in the words of the labels; times as exactly as the label names them."""
    _, _, wanted = one.expected.partition(" ")
    got = str(done.decided.action)
    if done.decided.action == Action.ACCEPT and not done.decided.dues:
        return f"{got} {(done.reading.option or 0) + 1}"
    if done.decided.dues and done.decided.action != Action.ASK:
        local = done.decided.dues[0].local.isoformat(timespec="minutes")
        return f"{got} {local if 'T' in wanted or not wanted else local[:10]}"
    return got


def score() -> tuple[float, float, list[str]]:
    """Precision over what was done, recall over what was meant, and what went wrong."""
    counts: Counter[str] = Counter()
    wrong = []
    for one in corpus():
        got = outcome(one, run(one))
        meant, did = one.expected != "none", got != "none"
        counts["done"] += did
        counts["meant"] += meant
        counts["right"] += did and got == one.expected
        if got != one.expected:
            wrong.append(f"{one.language} {one.open} expected {one.expected}, got {got}: {one.text}")
    return counts["right"] / counts["done"], counts["right"] / counts["meant"], wrong


def test_the_corpus_is_large_and_holds_enough_that_means_nothing():
    turns = corpus()
    assert len(turns) >= 400
    assert sum(one.expected == "none" for one in turns) >= 0.4 * len(turns)
    assert min(Counter(one.language for one in turns).values()) >= 150


def test_rules_alone_reach_precision_and_recall():
    precision, recall, wrong = score()
    assert precision >= 0.98, wrong
    assert recall >= 0.85, wrong
