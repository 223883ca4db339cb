"""The process that opens one foreign file: bounded in memory and time, without secrets, database or network.

It is started with the kind and the bounds as arguments and the file as standard input; it answers with JSON lines.
"""

import json
import resource
import sys
from dataclasses import fields
from typing import Any

from domain.knowledge.reading.refusal import Bounds, Unreadable


def main(arguments: list[str]) -> None:
    """Read the file on standard input and write what is in it, or why it is not read."""
    kind, *numbers = arguments
    bounds = Bounds(*(int(number) for number in numbers))
    _bound(bounds)
    try:
        blocks = _reader(kind)(sys.stdin.buffer.read(), bounds, lambda done, of: _say(done=done, of=of))
        _say(blocks=[block.as_json() for block in blocks])
    except Unreadable as refusal:
        _say(refused=str(refusal))
    except MemoryError:
        sys.exit(1)
    except RecursionError:
        _say(refused="is nested too deeply; save it again in a simpler form")


def _bound(bounds: Bounds) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (bounds.seconds, bounds.seconds + 1))
    resource.setrlimit(resource.RLIMIT_AS, (bounds.memory, bounds.memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _reader(kind: str) -> Any:
    if kind == "pdf":
        from domain.knowledge.reading import pdf  # noqa: PLC0415 - only the library that is needed

        return pdf.read
    if kind == "docx":
        from domain.knowledge.reading import docx  # noqa: PLC0415

        return docx.read
    from domain.knowledge.reading import html  # noqa: PLC0415

    return html.read


def _say(**line: Any) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def arguments_of(kind: str, bounds: Bounds) -> list[str]:
    """Return the arguments for `main`."""
    return [kind, *(str(getattr(bounds, field.name)) for field in fields(bounds))]


if __name__ == "__main__":
    main(sys.argv[1:])
