"""The time resolver on labelled phrases, where a file of them is at hand."""

from pathlib import Path

from bench.agent_metrics import Metric

_FILE = Path(__file__).resolve().parents[3] / "shared" / "data" / "time_phrases.json"
_RIGHT, _WRONG = 92.0, 2.0
_OWN = Path(__file__).resolve().parents[2] / "tests" / "agents" / "follow_up" / "when"
_OWN_RIGHT, _OWN_WRONG, _OWN_FALSE = 97.0, 0.5, 0.01


def rows(*, quick: bool) -> list[Metric]:
    del quick
    return [*_labelled(), *_own()]


def _own() -> list[Metric]:
    from agents.follow_up.when import scoring  # noqa: PLC0415

    found = []
    for n, language in enumerate(("de", "en"), start=3):
        (one,) = scoring.score(scoring.load(_OWN / f"corpus_{language}.json")).values()
        right, wrong = one.percent(one.right), one.percent(one.wrong)
        seen = f"{right:.1f} % right, {wrong:.1f} % wrong, {one.false_schedules} of {one.nothing} invented"
        good = right >= _OWN_RIGHT and wrong <= _OWN_WRONG and one.false_schedules <= _OWN_FALSE * one.nothing
        how = f"{one.total} phrases of our own, {one.nothing} of them name no time: habits, the past, other meanings"
        target = "≥ 97 % right, ≤ 0.5 % wrong, ≤ 1 % invented"
        found.append(Metric(f"11.{n}", f"time resolver on our own corpus, {language}", target, seen, good, how))
    return found


def _labelled() -> list[Metric]:
    if not _FILE.exists():
        how = "the file of labelled phrases is not at hand"
        return [Metric("11.1", "time resolver on labelled phrases", "≥ 92 % right, ≤ 2 % wrong", "no file", None, how)]
    from agents.follow_up.when import scoring  # noqa: PLC0415

    found = []
    for n, (language, one) in enumerate(scoring.score(scoring.load(_FILE)).items(), start=1):
        right, wrong = one.percent(one.right), one.percent(one.wrong)
        seen = f"{right:.1f} % right, {wrong:.1f} % wrong, {one.percent(one.abstained):.1f} % abstained"
        good = right >= _RIGHT and wrong <= _WRONG
        how = f"{one.total} labelled phrases; the same as `ariia follow-ups score FILE`"
        found.append(Metric(f"11.{n}", f"time resolver, {language}", "≥ 92 % right, ≤ 2 % wrong", seen, good, how))
    return found
