"""German verbs that come apart, and forms that the stemmer takes for other words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.knowledge import word_forms


@pytest.mark.parametrize(
    ("text", "word", "form"),
    [
        ("Wann wird der Beitrag abgebucht?", "abgebucht", "abbuchen"),
        ("Kann das nachgeholt werden", "nachgeholt", "nachholen"),
        ("Habt ihr das gespeichert?", "gespeichert", "speichern"),
        ("Ich habe jemanden geworben", "geworben", "werben"),
        ("Das Rad ist ausgeliehen", "ausgeliehen", "ausleihen"),
        ("Was ist anzumelden?", "anzumelden", "anmelden"),
        ("Wie melde ich mich ab?", "melde", "abmelde"),
        ("Fällt heute etwas aus, wenn es schneit?", "fällt", "ausfallen"),
        ("Wann macht ihr auf", "macht", "aufmacht"),
    ],
)
def test_a_form_leads_to_its_verb(text, word, form):
    assert form in word_forms.german(text)[word]


@pytest.mark.parametrize("text", ["Gibt es Geräte?", "Mein Geld", "Was kostet ein Getränk?", "Das Gewitter"])
def test_nouns_are_no_participles(text):
    noun = text.rstrip("?").rpartition(" ")[2].lower()
    assert word_forms.german(text)[noun] == set()


@given(st.text(max_size=80))
def test_any_text_has_forms_of_its_own_words_alone(text):
    found = word_forms.german(text)
    assert set(found) <= set(word_forms._WORD.findall(text.lower()))
    assert sum(map(len, found.values())) <= 4 * max(1, len(found)) * 8
