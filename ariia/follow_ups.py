"""The command line of follow-ups: score the time resolver on labelled phrases, resolve one text."""

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, NoReturn
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer
from rich.console import Console

app = typer.Typer(no_args_is_help=True, help="Read times in chats.")
_console = Console()


@app.command()
def score(
    file: Annotated[Path, typer.Argument(help="JSON: reference and labelled phrases.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Compare the time resolver with labelled phrases."""
    from agents.follow_up.when import scoring  # noqa: PLC0415 - loaded when asked for

    try:
        figures = scoring.score(scoring.load(file))
    except scoring.PhraseFileError as error:
        _fail(str(error))
    if as_json:
        typer.echo(json.dumps({lang: one.as_dict() for lang, one in figures.items()}, indent=2, ensure_ascii=False))
        return
    for lang, one in figures.items():
        counts = (("right", one.right), ("wrong", one.wrong), ("abstained", one.abstained))
        said = ", ".join(f"{name} {count} ({one.percent(count):.1f} %)" for name, count in counts)
        typer.echo(f"{lang}  {one.total} phrases: {said}")
        for line in one.mistakes:
            typer.echo(f"    wrong  {line['text']!r}: wanted {line['wanted']}, got {line['got']} ({line['rules']})")


@app.command()
def resolve(
    text: Annotated[str, typer.Argument(help="What somebody wrote.")],
    at: Annotated[str, typer.Option("--at", help="The moment it was written, ISO 8601.")],
    zone: Annotated[str, typer.Option("--zone", help="IANA name of the reader's time zone.")],
    language: Annotated[str, typer.Option("--language", help="de or en.")],
) -> None:
    """Say what time a text means."""
    from agents.follow_up import when  # noqa: PLC0415

    if language not in {"de", "en"}:
        _fail(f"--language {language}: the resolver reads de and en")
    answer = when.resolve(text, ref=_moment(at, zone), lang=language)
    if isinstance(answer, when.Abstention):
        typer.echo(f"no answer: {answer.reason}")
        raise typer.Exit(1)
    typer.echo(f"{answer.value.isoformat()}  {answer.grain}")
    for other in answer.alternatives:
        typer.echo(f"  or {other.isoformat()}")
    typer.echo(
        f"  from {', '.join(repr(text[start:end]) for start, end in answer.spans)} by {', '.join(answer.rule_ids)}"
    )


def _moment(at: str, zone: str) -> datetime:
    try:
        place = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        _fail(f"--zone {zone}: no such time zone; write an IANA name such as Europe/Berlin")
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        _fail(f"--at {at}: no ISO 8601 time; write for instance 2026-11-21T10:00")
    return moment.astimezone(place) if moment.tzinfo else moment.replace(tzinfo=place)


def _fail(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(2)
