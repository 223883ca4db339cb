"""The command line of returned mail: score the reader on labelled mails, explain one mail in words."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

app = typer.Typer(no_args_is_help=True, help="Read returned mail.")
_console = Console()


@app.command()
def score(
    folder: Annotated[Path, typer.Argument(help="Folder with the mails.")],
    labels: Annotated[Path, typer.Option(help="JSON: file name to a list of {reason, hard}.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Compare the reader with labelled mails."""
    from channels.email.reports import score as scoring  # noqa: PLC0415 - loaded when asked for

    try:
        result = scoring.score(folder, labels)
    except (OSError, ValueError) as error:
        _console.print(f"[red]{error}[/]")
        raise typer.Exit(2) from None
    if as_json:
        typer.echo(json.dumps(result.as_dict(), indent=2, ensure_ascii=False))
        return
    _console.print(f"files {result.files}, labelled recipients {result.recipients}")
    _console.print(f"hard precision  {result.precision:.1%}  ({result.wrong_hard} wrong)")
    _console.print(f"hard recall     {result.recall:.1%}  ({result.missed_hard} missed)")
    _console.print(f"recipient found {result.recipients_found:.1%} of files")
    _console.print(f"reason right    {result.reasons_right / max(1, result.recipients):.1%}\n")
    for (label, said), count in result.confusion.most_common():
        _console.print(f"{count:4} × {label} read as {said}", highlight=False)
    for line in result.wrong:
        _console.print(f"[red]wrong[/] {line}", highlight=False, soft_wrap=True)


@app.command()
def read(file: Annotated[Path, typer.Argument(help="One mail.")]) -> None:
    """Explain one mail."""
    from channels.email.reports.read import read as read_mail  # noqa: PLC0415

    try:
        report = read_mail(file.read_bytes())
    except OSError as error:
        _console.print(f"[red]{error}[/]")
        raise typer.Exit(2) from None
    _console.print(f"This is: {report.kind.replace('_', ' ')}. Subject: {report.subject or 'none'}", highlight=False)
    if report.original_message_id:
        _console.print(f"It is about the mail <{report.original_message_id}>.", highlight=False)
    for finding in report.recipients:
        verdict = "the address is wrong" if finding.hard else "it does not condemn the address"
        fault = ", the sender is the cause" if finding.sender_fault else ""
        reason = finding.reason.replace("_", " ")
        codes = f"reply {finding.reply or 'none'}, status {finding.status or 'none'}"
        _console.print(
            f"{finding.address or 'nobody named'}: {finding.action}, {reason}; {verdict}{fault}.\n"
            f"  {codes}: {finding.diagnostic}",
            highlight=False,
            soft_wrap=True,
        )
