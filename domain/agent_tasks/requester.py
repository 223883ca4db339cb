"""Who asks for a task, and which skills they may ask for."""

from dataclasses import dataclass
from uuid import UUID

from domain.identity import rules
from domain.identity.service import Principal
from kernel.errors import Forbidden


@dataclass(frozen=True, slots=True)
class Requester:
    """A key, a signed-in person, or a member in a chat that the channel authenticated.

    `sees_all` shows tasks of every skill; others see those of the skills they hold, and a member only their own.
    """

    actor: str
    name: str
    kind: str
    skills: frozenset[str]
    scopes: frozenset[str]
    sees_all: bool
    member_id: UUID | None = None

    @classmethod
    def of(cls, principal: Principal) -> "Requester":
        held = frozenset(scope for scope in principal.scopes if rules.may(principal.role, principal.scopes, scope))
        skills = rules.READING_SKILLS | rules.WRITING_SKILLS
        return cls(
            actor=principal.actor,
            name=principal.name,
            kind=principal.kind,
            skills=frozenset(skill for skill in skills if rules.skill_scope(skill) in held),
            scopes=held,
            sees_all="tasks:read" in held,
        )

    def may(self, skill: str) -> bool:
        return skill in self.skills

    def may_see(self, skill: str) -> bool:
        return self.sees_all or skill in self.skills

    def require(self, skill: str) -> None:
        """Raise Forbidden naming the scope that is lacking."""
        if not self.may(skill):
            raise self.lacks(rules.skill_scope(skill))

    def lacks(self, scope: str) -> Forbidden:
        """Return the refusal that names the scope and the way out."""
        way_out = "Issue one that has it." if self.kind == "key" else "Ask an owner."
        holder = "This key" if self.kind == "key" else "Your role"
        return Forbidden(f"{holder} lacks the scope '{scope}'. {way_out}", code="missing_scope", scope=scope)
