"""The time resolver on labelled phrases, where a file of them is at hand."""

from pathlib import Path

from bench.agent_metrics import Metric

_FILE = Path(__file__).resolve().parents[3] / "shared" / "data" / "time_phrases.json"
_RIGHT, _WRONG = 92.0, 2.0


def rows(*, quick: bool) -> list[Metric]:
    del quick
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
