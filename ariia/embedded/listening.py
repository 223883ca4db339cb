"""A server of the process's own on a thread and an event loop of its own, which says whether it listens."""

import asyncio
import threading
from abc import ABC, abstractmethod
from contextlib import suppress
from types import TracebackType
from typing import Self


class Listener(ABC):
    """What listens on a thread of that name from `start` to `stop`; also as `with`."""

    def __init__(self, name: str) -> None:
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._settled = threading.Event()
        self._failure: Exception | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end: asyncio.Event | None = None

    @abstractmethod
    async def _serve(self) -> None:
        """Bind, await `_until_stopped`, then let go of what was bound. What it raises before is raised by `start`."""

    def start(self) -> Self:
        """Listen; raises OSError when an address is taken."""
        self._thread.start()
        self._settled.wait()
        if self._failure is not None:
            raise self._failure
        return self

    def stop(self) -> None:
        """Stop listening and close what is open; a second call does nothing."""
        if self._loop is not None and self._end is not None:
            with suppress(RuntimeError):  # the loop has ended already
                self._loop.call_soon_threadsafe(self._end.set)
            self._thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())  # closes the connections that are left
        except Exception as error:  # noqa: BLE001 - handed to whoever waits for the start
            self._failure = error
            self._settled.set()

    async def _until_stopped(self) -> None:
        """Say that everything is bound, and wait for `stop`."""
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        self._settled.set()
        await self._end.wait()
