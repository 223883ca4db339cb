"""Recall among the first three on questions of our own; the goal of lexical retrieval is 0.90."""

import pytest
import retrieval
from conftest import make_tenant


@pytest.fixture(scope="module")
def figures(database):
    ours, theirs = make_tenant("quality-a"), make_tenant("quality-b")
    retrieval.store(ours)
    retrieval.store(theirs)
    return retrieval.measure(ours)


def test_there_are_enough_questions_and_chunks():
    assert len(retrieval.questions("de")) >= 120
    assert len(retrieval.questions("en")) >= 60
    for language in retrieval.LANGUAGES:
        texts = [question.text for question in retrieval.questions(language)]
        assert len(set(texts)) == len(texts)


@pytest.mark.parametrize("language", retrieval.LANGUAGES)
def test_nine_of_ten_questions_find_their_chunk_among_the_first_three(figures, language):
    assert figures.chunks[language] >= 70
    assert figures.recall(language) >= 0.90, [question.text for question, _ in figures.misses]
    assert figures.recall(language, "tuned") >= 0.90
    assert figures.recall(language, "blind") >= 0.85


def test_no_hit_is_another_tenants(figures):
    assert figures.foreign == 0
