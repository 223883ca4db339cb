"""Notes on what a draft rests on: an order planted in the brief or in a source proves its own facts.

The checks of the copy find no fault with a price that stands in a source, whoever put it there. So whoever approves is
told where a source speaks to the writer instead of saying something.
"""

from domain.content import planted
from domain.content.findings import Finding, Material

_LONGEST_TITLE = 60


def check(material: Material) -> list[Finding]:
    """Return a warning for the brief and for each source that holds words of a planted instruction."""
    found = _noted("brief", material.brief, "Der Auftrag", "The brief", ())
    for key, text in material.sources.items():
        title = text.partition("\n")[0].strip()[:_LONGEST_TITLE]
        found += _noted(f"sources.{key}", text, f"Die Quelle „{title}“", f"The source '{title}'", (key,))
    return found


def _noted(path: str, text: str, de: str, en: str, ids: tuple[str, ...]) -> list[Finding]:
    return [
        Finding(
            "source_suspicious", "warn", path, words,
            f"{de} enthält eine Anweisung statt einer Aussage; prüfe, was der Text daraus übernimmt.",
            f"{en} holds an instruction instead of a statement; look at what the text takes from it.",
            ids,
        )
        for words in planted.to_a_writer(text)[:1]
    ]  # fmt: skip
