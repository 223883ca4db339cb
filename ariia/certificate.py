"""The certificate of a server of ours: read from two files, and read again when one of them was renewed."""

import ssl
from pathlib import Path

from kernel import log


class Certificate:
    """A TLS context for servers. Raises OSError (ssl.SSLError is one) where the files do not make one."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self._files = (certificate, key)
        self._seen = self._state()
        self._context = self._load()

    def context(self) -> ssl.SSLContext:
        """Return the context of what lies there now; of what lay there before while a renewal is half written."""
        try:
            state = self._state()
            if state != self._seen:
                self._context, self._seen = self._load(), state
        except OSError as error:
            log.get("inbound").warning("certificate.not_renewed", error=type(error).__name__)
        return self._context

    def _state(self) -> list[tuple[int, int, int]]:
        found = [file.stat() for file in self._files]
        return [(each.st_mtime_ns, each.st_size, each.st_ino) for each in found]

    def _load(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(*self._files)
        return context
