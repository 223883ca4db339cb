"""From a question to a full-text expression: any word, by stem prefix, and by the tenant's own compounds."""

import re

from sqlalchemy import text
from sqlalchemy.orm import Session

from kernel import db

_WORD = re.compile(r"[^\W\d_]{2,}|\d+")
_SHORTEST_STEM = 4
_SHORTEST_PART = 5
_MOST_TERMS = 60

# Words that members and studios use for the same thing.
SYNONYMS: dict[str, tuple[tuple[str, ...], ...]] = {
    "de": (
        ("preis", "kosten", "tarif", "beitrag", "gebühr"),
        ("kündigen", "kündigung", "austritt", "beenden"),
        ("öffnungszeiten", "geöffnet", "öffnen", "uhrzeit"),
        ("angebot", "aktion", "rabatt", "gutschein"),
        ("pause", "ruhezeit", "stilllegung", "unterbrechung"),
        ("kurs", "stunde", "training", "kursplan"),
        ("probetraining", "probestunde", "schnuppern"),
        ("zurückkommen", "reaktivieren", "wiedereinstieg", "comeback"),
    ),
    "en": (
        ("price", "cost", "fee", "rate", "tariff"),
        ("cancel", "cancellation", "terminate"),
        ("hours", "open", "opening"),
        ("offer", "deal", "discount", "promotion"),
        ("pause", "freeze", "break", "hold"),
        ("class", "course", "session", "timetable"),
        ("trial", "taster"),
        ("return", "comeback", "reactivate"),
    ),
}


def build(session: Session, query: str, *, config: str, language: str) -> str | None:
    """Return a tsquery text over the stems of the query, or None where it has no word that can be searched."""
    words = [word.lower() for word in _WORD.findall(query)][:_MOST_TERMS]
    for group in SYNONYMS.get(language, ()):
        if any(word.startswith(member[:5]) for word in words for member in group):
            words.extend(group)
    if not words:
        return None
    stems = _stems(session, words, config)
    if not stems:
        return None
    terms = {f"'{stem}':*" if len(stem) >= _SHORTEST_STEM else f"'{stem}'" for stem in stems}
    terms |= {f"'{lexeme}'" for lexeme in _compounds(session, stems, language)}
    return " | ".join(sorted(terms)[: _MOST_TERMS * 3])


def _stems(session: Session, words: list[str], config: str) -> list[str]:
    rows = session.execute(
        text(
            "SELECT DISTINCT lexeme FROM unnest(CAST(:words AS text[])) AS w (word), "
            "unnest(to_tsvector(CAST(:config AS regconfig), w.word)) AS t"
        ),
        {"words": words, "config": config},
    )
    return [row.lexeme for row in rows if "'" not in row.lexeme and "\\" not in row.lexeme]


def _compounds(session: Session, stems: list[str], language: str) -> list[str]:
    """Return the tenant's lexemes that contain a stem, or are contained in one (Mitgliedschaftsbeitrag, Beitrag)."""
    rows = session.execute(
        text(
            "SELECT DISTINCT l.lexeme FROM chunk c, unnest(c.search) AS l, unnest(CAST(:stems AS text[])) AS s (stem) "
            "WHERE c.tenant_id = :tenant AND c.language = :language AND ("
            " (length(s.stem) >= :stem_length AND position(s.stem in l.lexeme) > 0)"
            " OR (length(l.lexeme) >= :part_length AND position(l.lexeme in s.stem) > 0))"
        ),
        {
            "stems": stems,
            "tenant": db.tenant_of(session),
            "language": language,
            "stem_length": _SHORTEST_STEM,
            "part_length": _SHORTEST_PART,
        },
    )
    return [row.lexeme for row in rows if "'" not in row.lexeme and "\\" not in row.lexeme]
