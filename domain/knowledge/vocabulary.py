"""The tenant's own full-text index: which stem stands in which chunks, and all stems there are.

Kept by hand beside the chunks, because PostgreSQL's own full-text index cannot be used under row-level security:
its operator is not leakproof, so the policy would be asked first, row by row.
"""

from uuid import UUID

from sqlalchemy import delete, func, select, text
from sqlalchemy.orm import Session

from kernel import db
from kernel.errors import Invalid
from kernel.ids import stable_id
from models import Posting, SynonymGroup

_STEMS = text("SELECT array_agg(DISTINCT lexeme) FROM kb_posting WHERE tenant_id = :tenant AND document_id = :document")
_POSTINGS = text("""
INSERT INTO kb_posting (tenant_id, language, lexeme, document_id, chunks, headings)
SELECT c.tenant_id, c.language, t.lexeme, c.document_id, array_agg(c.position ORDER BY c.position),
  coalesce(array_agg(c.position ORDER BY c.position) FILTER (WHERE 'A' = ANY (t.weights)), '{}')
FROM chunk c, unnest(c.search) AS t WHERE c.tenant_id = :tenant AND c.document_id = :document
GROUP BY c.tenant_id, c.language, t.lexeme, c.document_id
""")
_FORGET = text("""
DELETE FROM kb_term t WHERE t.tenant_id = :tenant AND t.lexeme = ANY (CAST(:stems AS text[])) AND NOT EXISTS (
  SELECT FROM kb_posting p WHERE p.tenant_id = t.tenant_id AND p.language = t.language AND p.lexeme = t.lexeme)
""")
_COUNT = text("""
INSERT INTO kb_term (tenant_id, language, lexeme, folded, chunks)
SELECT tenant_id, language, lexeme,
  replace(replace(replace(replace(translate(lexeme, 'äöü', 'aou'), 'ae', 'a'), 'oe', 'o'), 'ue', 'u'), 'ß', 'ss'),
  sum(cardinality(chunks)) FROM kb_posting
WHERE tenant_id = :tenant AND lexeme = ANY (CAST(:stems AS text[])) GROUP BY tenant_id, language, lexeme
ON CONFLICT (tenant_id, language, lexeme) DO UPDATE SET chunks = excluded.chunks
WHERE kb_term.chunks <> excluded.chunks
""")
MOST_GROUPS = 200
MOST_WORDS = 12


def fold(stem: str) -> str:
    """Return a stem with umlauts and their spellings as plain letters, as `kb_term.folded` holds it."""
    plain = stem.translate(str.maketrans("äöü", "aou"))
    return plain.replace("ae", "a").replace("oe", "o").replace("ue", "u").replace("ß", "ss")


def lock(session: Session) -> None:
    """Let one transaction at a time change what a tenant knows; held until it ends."""
    key = stable_id(str(db.tenant_of(session)), "knowledge").int % 2**63
    session.execute(select(func.pg_advisory_xact_lock(key)))


def index(session: Session, document_id: UUID) -> None:
    """Index the chunks of a document as they are now; needs `lock`."""
    here = {"tenant": db.tenant_of(session), "document": document_id}
    before = set(session.execute(_STEMS, here).scalar_one() or ())
    session.execute(delete(Posting).where(Posting.tenant_id == here["tenant"], Posting.document_id == here["document"]))
    session.execute(_POSTINGS, here)
    after = set(session.execute(_STEMS, here).scalar_one() or ())
    _recount(session, before | after)


def forget(session: Session, document_id: UUID) -> None:
    """Take a document out of the index; needs `lock`."""
    here = {"tenant": db.tenant_of(session), "document": document_id}
    stems = set(session.execute(_STEMS, here).scalar_one() or ())
    session.execute(delete(Posting).where(Posting.tenant_id == here["tenant"], Posting.document_id == here["document"]))
    _recount(session, stems)


def _recount(session: Session, stems: set[str]) -> None:
    touched = {"tenant": db.tenant_of(session), "stems": sorted(stems)}
    session.execute(_FORGET, touched)
    session.execute(_COUNT, touched)


def synonyms(session: Session, language: str) -> list[list[str]]:
    """Return the tenant's groups of words that mean the same."""
    statement = select(SynonymGroup.words).where(
        SynonymGroup.tenant_id == db.tenant_of(session), SynonymGroup.language == language
    )
    return list(session.execute(statement.order_by(SynonymGroup.id)).scalars())


def replace_synonyms(session: Session, language: str, groups: list[list[str]], *, actor: str) -> list[list[str]]:
    """Make `groups` the tenant's synonyms of a language.

    Raises Invalid for more than MOST_GROUPS groups or MOST_WORDS words in one, and for a group of fewer than two.
    """
    if len(groups) > MOST_GROUPS:
        raise Invalid("groups", f"at most {MOST_GROUPS} groups")
    clean = []
    for number, group in enumerate(groups):
        words = list(dict.fromkeys(" ".join(word.lower().split()) for word in group if word.strip()))
        if not 2 <= len(words) <= MOST_WORDS:  # noqa: PLR2004 - one word is synonymous with nothing
            raise Invalid(f"groups.{number}", f"name 2 to {MOST_WORDS} different words")
        clean.append(words)
    tenant_id = db.tenant_of(session)
    lock(session)
    session.execute(delete(SynonymGroup).where(SynonymGroup.tenant_id == tenant_id, SynonymGroup.language == language))
    session.add_all(
        SynonymGroup(tenant_id=tenant_id, language=language, words=words, created_by=actor) for words in clean
    )
    session.flush()
    return clean
