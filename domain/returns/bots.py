"""Connecting a bot: who it is, and where it reports what people do; and letting it go."""

from uuid import UUID

from channels.base import SendFailed
from channels.email import adapter as loops
from channels.telegram.settings import BadToken, Bot
from domain.delivery import outlets
from domain.senders import accounts
from kernel import clock, db, log
from kernel.errors import Conflict
from kernel.settings import get_settings
from kernel.vault import BadSeal
from models import ProviderAccount

KIND = "telegram"
_LONGEST = 500


def connect(tenant_id: UUID, account_id: UUID) -> ProviderAccount:
    """Let the provider report to us, with a secret of its own, and keep the bot's name; safe to repeat.

    `check_problem` of what is returned says what stood in the way. Asks the provider outside any transaction.
    Raises NotFound, vault.BadSeal, and Conflict for an account that is no bot.
    """
    from channels.telegram import adapter as telegram  # noqa: PLC0415 - the library takes a second to load

    with db.tenant_session(tenant_id) as session:
        account = accounts.get(session, account_id)
        if account.kind != KIND:
            raise Conflict("This account is no Telegram bot. Use one of the kind telegram.", code="not_a_bot")
        bot, secret = outlets.telegram_bot(account), accounts.webhook_secret_of(account)
        where = address_of(account)
    problem, me = None, None
    try:
        me = loops.run(telegram.connect(bot, where, secret))
    except SendFailed as failure:
        problem = f"Telegram does not report to {_shown(where)}: {failure.text}"
    with db.tenant_session(tenant_id) as session:
        account = accounts.get(session, account_id)
        account.checked_at = clock.now()
        account.check_problem = problem[:_LONGEST].replace(bot.token, "…") if problem else None
        if me is not None:
            account.settings = account.settings | {"username": me.username}
        session.flush()
        session.refresh(account)
        return account


def address_of(account: ProviderAccount) -> str:
    """Return where a bot reports to: https, under the public address of this service."""
    return f"{get_settings().base_url}/hooks/{KIND}/{account.path_token}"


def _shown(where: str) -> str:
    """Return the address without its token."""
    return where.rpartition("/")[0] + "/…"


def forget(tenant_id: UUID, account_id: UUID, *, actor: str) -> None:
    """Forget an account and its secret; a bot first stops reporting here, where its provider can be asked.

    Asks the provider outside any transaction. Raises NotFound, and Conflict while a sender uses the account.
    """
    with db.tenant_session(tenant_id) as session:
        account = accounts.get(session, account_id)
        accounts.check_unused(session, account)
        bot = _bot(account)
    if bot is not None:
        from channels.telegram import adapter as telegram  # noqa: PLC0415 - the library takes a second to load

        try:
            loops.run(telegram.disconnect(bot))
        except SendFailed as failure:  # its updates meet an unknown address from now on, and the provider gives up
            log.get("returns").warning("bot.not_disconnected", account=str(account_id), code=failure.code)
    with db.tenant_session(tenant_id) as session:
        accounts.delete(session, account_id, actor=actor)


def _bot(account: ProviderAccount) -> Bot | None:
    """Return the bot of an account; None for another kind, and for a secret that does not open any more."""
    if account.kind != KIND:
        return None
    try:
        return outlets.telegram_bot(account)
    except (BadSeal, BadToken):
        return None
