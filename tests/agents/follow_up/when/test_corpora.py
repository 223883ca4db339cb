"""The labelled phrases and two corpora of our own, scored as `ariia follow-ups score` does."""

from pathlib import Path

import pytest

from agents.follow_up.when import scoring
from agents.follow_up.when.scoring import Score

HERE = Path(__file__).parent
PUBLIC = HERE.parents[4] / "shared" / "data" / "time_phrases.json"
OWN = [HERE / "corpus_de.json", HERE / "corpus_en.json"]


def report(figures: Score) -> str:
    return f"{figures.right} right, wrong {figures.mistakes}, missed {figures.missed}"


@pytest.mark.skipif(not PUBLIC.exists(), reason="the labelled phrases are not here")
@pytest.mark.parametrize("lang", ["de", "en"])
def test_the_labelled_phrases_are_read_well_enough(lang: str):
    figures = scoring.score(scoring.load(PUBLIC))[lang]
    assert figures.percent(figures.right) >= 92, report(figures)
    assert figures.percent(figures.wrong) <= 2, report(figures)


@pytest.mark.parametrize("file", OWN, ids=["de", "en"])
def test_our_own_corpus_is_read_and_invents_next_to_nothing(file: Path):
    (figures,) = scoring.score(scoring.load(file)).values()
    assert figures.percent(figures.right) >= 97, report(figures)
    assert figures.percent(figures.wrong) <= 0.5, report(figures)
    assert figures.false_schedules <= 0.01 * figures.nothing, report(figures)


@pytest.mark.parametrize("file", OWN, ids=["de", "en"])
def test_our_own_corpus_is_large_and_two_fifths_of_it_name_no_time(file: Path):
    phrases = scoring.load(file).phrases
    assert len(phrases) >= 300
    assert len({phrase.text for phrase in phrases}) == len(phrases)
    assert sum(phrase.value is None for phrase in phrases) >= 0.4 * len(phrases)
