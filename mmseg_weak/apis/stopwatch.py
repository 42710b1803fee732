"""Time that a job took, all its broken-off parts together."""

import json
import threading
import time
from pathlib import Path

from .._files import write_json


class Stopwatch:
    """Context manager that adds the time inside it to a file.

    The file is written every few seconds, so the time of a part that ends by a kill counts
    too, up to the last writing.

    Args:
        path (Path): JSON file with ``minutes``.
        interval (float): Seconds between two writings. Defaults to 10.
    """

    def __init__(self, path: Path, interval: float = 10.0) -> None:
        self.path = path
        self.interval = interval
        self.done = threading.Event()
        self.thread = threading.Thread(target=self._keep_writing, daemon=True)

    @property
    def minutes(self) -> float:
        """Minutes so far, as the file says."""
        try:
            return float(json.loads(self.path.read_text())['minutes'])
        except (OSError, ValueError, KeyError):
            return 0.0

    def __enter__(self) -> 'Stopwatch':
        self.before, self.start = self.minutes, time.perf_counter()
        self.thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.done.set()
        self.thread.join()
        self._write()

    def _keep_writing(self) -> None:
        while not self.done.wait(self.interval):
            self._write()

    def _write(self) -> None:
        part = (time.perf_counter() - self.start) / 60
        try:
            write_json(self.path, dict(minutes=self.before + part))
        except (OSError, ValueError):
            return  # a full disk is for the job itself to report
