"""Foreign files are opened in a process of their own, which is ended when it takes too much or too long."""

import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from domain.knowledge.blocks import Block
from domain.knowledge.reading import child
from domain.knowledge.reading.refusal import Bounds, Tell, TooMuch, Unreadable

_ROOT = Path(__file__).resolve().parents[3]
_START_SECONDS = 20
_LONGEST_LINE = 64 * 1024 * 1024


def read(kind: str, data: bytes, bounds: Bounds, tell: Tell) -> list[Block]:
    """Return the blocks of a file of kind pdf, docx or html.

    Memory, processor time, wall clock and output are bounded. Raises Unreadable with the reason and the way out,
    TooMuch where the bounds were reached.
    """
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        process = subprocess.Popen(
            [sys.executable, "-m", child.__name__, *child.arguments_of(kind, bounds)],
            stdin=file,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=_ROOT,
            env={
                "PATH": os.defpath,
                "PYTHONPATH": str(_ROOT),
                "PYTHONIOENCODING": "utf-8",
                "LC_ALL": "C.UTF-8",
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            start_new_session=True,
        )
    alarm = threading.Timer(bounds.seconds + _START_SECONDS, process.kill)
    alarm.daemon = True
    alarm.start()
    try:
        return _listen(process, tell)
    finally:
        alarm.cancel()
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _listen(process: subprocess.Popen[bytes], tell: Tell) -> list[Block]:
    if process.stdout is not None:
        while line := process.stdout.readline(_LONGEST_LINE):
            said = _read(line)
            if "refused" in said:
                raise Unreadable(said["refused"])
            if "blocks" in said:
                return [Block(*fields) for fields in said["blocks"]]
            if "done" in said:
                tell(said["done"], said["of"])
    raise TooMuch


def _read(line: bytes) -> dict[str, Any]:
    try:
        said = json.loads(line)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
