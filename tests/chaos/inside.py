"""The embedded form without its web pages: worker and beat inside this process, until a signal or a kill."""

import signal
import threading

from ariia import process, worker


def main() -> None:
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    prepared = process.prepare()
    inside = worker.start_in_process()
    while not over.wait(0.2):
        pass
    inside.stop()
    prepared.stop()


if __name__ == "__main__":
    main()
