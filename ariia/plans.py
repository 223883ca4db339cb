"""The command line of plans: what a tenant has and uses, and a change of its tier."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from enum import StrEnum
from typing import Annotated

import typer

_Whose = Annotated[str, typer.Argument(help="Slug or id of the tenant.")]


class TierName(StrEnum):
    STARTER = "starter"
    PROFESSIONAL = "professional"
    BUSINESS = "business"
    ENTERPRISE = "enterprise"


class When(StrEnum):
    NOW = "now"
    NEXT_MONTH = "next-month"


def commands(database: Callable[[], AbstractContextManager[object]]) -> typer.Typer:
    """Return the commands; `database` opens the one that the settings name."""
    app = typer.Typer(no_args_is_help=True, help="Show and change the plans of tenants.")

    @app.command()
    def show(tenant: _Whose) -> None:
        """Print tier, limits with what is used of them, features, and the change that is to come."""
        from ariia import plan_changes  # noqa: PLC0415 - loaded when asked for

        with database(), refusals():
            plan_changes.show(plan_changes.find(tenant))

    @app.command("set")
    def set_tier(
        tenant: _Whose,
        tier: Annotated[TierName, typer.Argument(help="The new tier.")],
        reason: Annotated[str, typer.Option(help="Why; it stands in the audit trail.")] = "",
        at: Annotated[When, typer.Option(help="When the change happens.")] = When.NOW,
        *,
        dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would happen.")] = False,
    ) -> None:
        """Change the tier, and say what that stops, holds and frees."""
        from ariia import plan_changes  # noqa: PLC0415
        from domain.plans.catalog import Tier  # noqa: PLC0415

        with database(), refusals():
            plan_changes.change(plan_changes.find(tenant), Tier(tier), reason=reason, at=at.value, dry_run=dry_run)

    @app.command()
    def keep(tenant: _Whose) -> None:
        """Take back the change that is to come."""
        from ariia import plan_changes  # noqa: PLC0415

        with database(), refusals():
            plan_changes.keep(plan_changes.find(tenant))

    return app


@contextmanager
def refusals() -> Iterator[None]:
    """End the program with the sentence of a refusal instead of a traceback."""
    from kernel.errors import AriiaError  # noqa: PLC0415

    try:
        yield
    except AriiaError as error:
        typer.echo(error.detail, err=True)
        raise typer.Exit(1) from None
