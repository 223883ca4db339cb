"""What every process does first: names, settings, logs, database."""

from dataclasses import dataclass, field

from ariia import inbound, migrate
from ariia.embedded.mailbox import Mailbox
from ariia.embedded.postgres import Server, start
from kernel import db, log, names
from kernel import settings as kernel_settings
from kernel.settings import Settings, get_settings


@dataclass
class Prepared:
    """What this process started itself and must stop."""

    settings: Settings
    server: Server | None = None
    mailbox: Mailbox | None = None
    door: inbound.Door | None = None
    warnings: list[str] = field(default_factory=list)

    @property
    def owner_url(self) -> str:
        """Return the address of the database as the owner of its tables, for an operator's work."""
        return self.server.owner_url if self.server is not None else str(self.settings.database_url)

    def stop(self) -> None:
        """End in the reverse order."""
        if self.door is not None:
            self.door.stop()
        db.dispose()
        if self.mailbox is not None:
            self.mailbox.stop()
        if self.server is not None:
            self.server.stop()


def prepare(*, durable: bool = True) -> Prepared:
    """Check names, read settings, open the database (embedded unless a URL is set), migrate, open the mailbox.

    Raises what is wrong with a clear text; nothing stays started then.
    """
    names.check()
    settings = get_settings()
    log.configure(settings.log_level)
    prepared = Prepared(settings)
    try:
        _open_database(prepared, durable=durable)
        _open_mailbox(prepared)
    except BaseException:
        prepared.stop()
        raise
    return prepared


def _open_database(prepared: Prepared, *, durable: bool) -> None:
    settings = prepared.settings
    if settings.database_url is not None:
        role = migrate.ensure_app_role(settings.database_url)
        if role is None:
            prepared.warnings.append(
                "the database role may not make an application role: the owner works under forced row-level security"
            )
        migrate.upgrade(settings.database_url, role)
        db.configure(settings.database_url, app_role=role, pool=settings.database_pool)
        return
    prepared.server = start(settings.data_dir / "postgres", durable=durable)
    migrate.upgrade(prepared.server.owner_url, "ariia_app")
    db.configure(prepared.server.app_url, pool=settings.database_pool)


def _open_mailbox(prepared: Prepared) -> None:
    if prepared.settings.smtp_url is not None:
        return
    prepared.mailbox = Mailbox(prepared.settings.data_dir / "mailbox").start()
    prepared.settings = kernel_settings.use(prepared.settings.model_copy(update={"smtp_url": prepared.mailbox.url}))
