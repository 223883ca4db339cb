"""A journal of small records in a folder: what was appended is on the disk before the call returns.

A segment is one file of fixed size, filled with zeros beforehand, so that making a record durable writes nothing but
data. Each record carries its length and a CRC-32; zeros, or a record that does not fit its checksum, are the end. The
process that writes or reads a segment holds a lock on it (flock), which the system takes away when the process ends,
however it ends: then any other process that shares the folder takes the segment over. The folder must be on a disk of
this machine.
"""

import fcntl
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from uuid import UUID

from kernel.ids import new_id

SEGMENT_BYTES = 4 * 1024 * 1024
_FRAME = struct.Struct("<II")
_SUFFIX = ".hits"
_LARGEST = 256 * 1024


class Full(Exception):  # noqa: N818 - an answer, not an accident
    """The segment has no room for the records; nothing of them was written."""


class Segment:
    """One locked file. `end` is behind the last durable record; `flushed` behind the last one in the database."""

    def __init__(self, path: Path, fd: int, *, end: int = 0) -> None:
        self.path = path
        self.id = UUID(path.stem)
        self.end = end
        self.flushed = 0
        self._fd = fd

    @classmethod
    def create(cls, folder: Path, size: int = SEGMENT_BYTES) -> "Segment":
        """Make a new segment that this process owns. Raises OSError where there is no room."""
        while True:
            path = folder / f"{new_id()}{_SUFFIX}"
            draft = path.with_suffix(".draft")
            fd = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            if _is_ours(fd):
                return cls._filled(path, draft, fd, size)
            os.close(fd)  # who looks for leftovers came before our lock: the draft goes, and another is made

    @classmethod
    def _filled(cls, path: Path, draft: Path, fd: int, size: int) -> "Segment":
        try:
            zeros = bytes(64 * 1024)
            for start in range(0, size, len(zeros)):
                os.pwrite(fd, zeros[: size - start], start)
            os.fsync(fd)
            draft.rename(path)
            _sync_folder(path.parent)
        except BaseException:
            os.close(fd)
            with suppress(OSError):
                draft.unlink()
            raise
        return cls(path, fd)

    @classmethod
    def adopt(cls, path: Path) -> "Segment | None":
        """Take over a segment that nobody holds; None where somebody does, or where it is gone."""
        try:
            fd = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.stat().st_ino != os.fstat(fd).st_ino:
                raise FileNotFoundError(path)
        except OSError:
            os.close(fd)
            return None
        segment = cls(path, fd)
        segment.end = sum(map(_framed, segment.records(0, os.fstat(fd).st_size)))
        return segment

    def append(self, record: bytes) -> None:
        """Write a record and wait until it is on the disk.

        Raises Full, or OSError; in both cases the next record takes the place of this one. ValueError for its size.
        """
        if not 0 < len(record) <= _LARGEST:
            raise ValueError(f"a record has 1 to {_LARGEST} bytes")
        data = _FRAME.pack(len(record), zlib.crc32(record)) + record
        if self.end + len(data) > os.fstat(self._fd).st_size:
            raise Full
        done = 0
        while done < len(data):
            done += os.pwrite(self._fd, data[done:], self.end + done)
        os.fdatasync(self._fd)
        self.end += len(data)

    def records(self, start: int, end: int, *, most: int | None = None) -> Iterator[bytes]:
        """Yield the records between two places, about `most` bytes of them; ends where the segment makes no sense."""
        data = os.pread(self._fd, end - start, start)
        place = 0
        while place + _FRAME.size <= len(data) and (most is None or place < most):
            length, checksum = _FRAME.unpack_from(data, place)
            record = data[place + _FRAME.size : place + _FRAME.size + length]
            if length == 0 or len(record) != length or zlib.crc32(record) != checksum:
                return
            yield record
            place += _FRAME.size + length

    @property
    def waiting(self) -> int:
        """Bytes that are durable here and not in the database yet."""
        return self.end - self.flushed

    def remove(self) -> None:
        """Delete the file, for good, and let go of it."""
        self.path.unlink(missing_ok=True)
        _sync_folder(self.path.parent)
        self.close()

    def close(self) -> None:
        """Let go of the segment; its file stays for whoever takes it over. A second call does nothing."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _is_ours(fd: int) -> bool:
    """Lock a new draft; False where somebody holds it, or has removed it, as a leftover."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return os.fstat(fd).st_nlink > 0


def _framed(record: bytes) -> int:
    return _FRAME.size + len(record)


def framed_size(records: Sequence[bytes]) -> int:
    """Return how many bytes records take in a segment."""
    return sum(map(_framed, records))


def segments_in(folder: Path) -> list[Path]:
    """Return the segments of a folder, oldest first; drafts that a crash left are removed."""
    for draft in folder.glob("*.draft"):
        _remove_draft(draft)
    return sorted(folder.glob(f"*{_SUFFIX}"))


def _remove_draft(draft: Path) -> None:
    with suppress(OSError):
        fd = os.open(draft, os.O_RDWR)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            draft.unlink(missing_ok=True)
        finally:
            os.close(fd)


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
