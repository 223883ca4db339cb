"""Trying an account for real: one check per kind, and what it showed is kept beside the account."""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any
from uuid import UUID

from channels.base import FailureKind, SendFailed
from channels.email import adapter
from channels.email.settings import Relay
from domain.identity import tenants
from domain.senders import accounts, reach
from domain.senders.kinds import relay_of
from kernel import clock, db
from kernel.egress import Unreachable
from kernel.errors import Invalid
from kernel.settings import get_settings
from models import ProviderAccount

_CONNECT_SECONDS, _COMMAND_SECONDS = 10.0, 20.0
_LONGEST = 500


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a check is given: nothing of the database, because providers answer slowly."""

    settings: Mapping[str, object]
    secret: str
    helo: str


# Returns in one sentence what keeps the account from working, None when nothing does.
Check = Callable[[Credentials], str | None]


def _smtp(given: Credentials) -> str | None:
    try:
        relay = reach.pinned(relay_of(given.settings, given.secret, helo=given.helo))
    except Invalid as refusal:
        return refusal.detail
    except Unreachable as away:
        return f"settings.host: {away}. Check the name, or try again later."
    relay = replace(relay, connect_timeout=_CONNECT_SECONDS, command_timeout=_COMMAND_SECONDS)
    try:
        adapter.check(relay)
    except SendFailed as failure:
        return adapter.explain(failure, relay, place="the account")
    return None


def _twilio(given: Credentials) -> str | None:
    from channels.twilio.client import TwilioDoor  # noqa: PLC0415 - the library takes a second to load
    from channels.twilio.settings import Account  # noqa: PLC0415

    sid = str(given.settings["account_sid"])
    account = Account(
        sid=sid, token=given.secret, sender=sid, base_url=get_settings().twilio_url, timeout=_COMMAND_SECONDS
    )

    async def ask() -> None:
        door = TwilioDoor(account)
        try:
            await door.check()
        finally:
            await door.close()

    return _problem("Twilio", ask())


def _telegram(given: Credentials) -> str | None:
    from channels.telegram import adapter as telegram  # noqa: PLC0415 - the library takes a second to load
    from channels.telegram.settings import PROVIDER, Bot  # noqa: PLC0415

    where = get_settings().telegram_url or PROVIDER
    bot = Bot(given.secret, base_url=where, connect_timeout=_CONNECT_SECONDS, answer_timeout=_COMMAND_SECONDS)
    return _problem("Telegram", telegram.check(bot))


def _problem(provider: str, asking: Coroutine[Any, Any, object]) -> str | None:
    """Return what an HTTP provider's refusal means for whoever set the account up."""
    try:
        adapter.run(asking)
    except SendFailed as failure:
        answer = " ".join(f"{failure.code} {failure.text}".split())
        if failure.kind is FailureKind.PERMANENT_CONFIG:
            return f"{provider} does not take the credentials: {answer}. Replace the secret, or correct the settings."
        return f"{provider} cannot be asked now: {answer}. Try again later."
    return None


CHECKS: Mapping[str, Check] = MappingProxyType({"smtp": _smtp, "twilio": _twilio, "telegram": _telegram})


def try_out(tenant_id: UUID, account_id: UUID) -> ProviderAccount:
    """Ask the provider whether the credentials work, outside any transaction, and keep the answer.

    `check_problem` of what is returned says what is wrong. Raises NotFound, vault.BadSeal.
    """
    with db.tenant_session(tenant_id) as session:
        account = accounts.get(session, account_id)
        check = CHECKS[account.kind]
        given = Credentials(account.settings, accounts.secret_of(account), helo_of(tenants.current(session).slug))
    problem = check(given)
    if problem is not None and given.secret:
        problem = problem.replace(given.secret, "…")  # some providers repeat what they were sent
    with db.tenant_session(tenant_id) as session:
        account = accounts.get(session, account_id)
        account.checked_at = clock.now()
        account.check_problem = problem[:_LONGEST] if problem else None
        session.flush()
        session.refresh(account)
        return account


def helo_of(slug: str) -> str:
    """Return the name that a tenant's sessions greet with."""
    return f"{slug}.localhost".lower()


def relay_of_account(account: ProviderAccount, *, helo: str) -> Relay:
    """Return where the mail of an `smtp` account is handed over, looked up now.

    Raises Invalid for a relay that may not be connected to, vault.BadSeal for a secret that does not open, and
    egress.Unreachable while its name has no address, which may pass.
    """
    return reach.pinned(relay_of(account.settings, accounts.secret_of(account), helo=helo))
