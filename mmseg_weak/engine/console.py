"""What a command prints: our own messages and one line of progress; files keep all."""

import logging
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TextIO, TypeVar

from mmengine.logging import MMLogger
from mmengine.runner import Runner

Item = TypeVar('Item')
WIDTH = 24
# Seconds between two lines, on a terminal and in a file.
ON_TERMINAL, IN_FILE = 0.5, 30.0
TOOLBOX = ('mmengine', 'mmcv', 'mmseg')
# Of the toolbox: results, and what it tells its programmers by warnings.
RESULTS = ('mmseg.evaluation',)
FOR_PROGRAMMERS = (
    'mmengine.evaluator',
    'mmengine.fileio',
    'mmengine.optim',
    'mmengine.registry',
)


# Between the one who logs and the one who asks who logs.
MACHINERY = (
    'logging',
    'mmengine.logging',
    __name__,
    f'{__package__}.hooks.launch_hooks',
)


class Console:
    """A line that stays below everything else that is printed.

    On a terminal it is rewritten, in a file each one is a line of its own.

    Args:
        stream (TextIO, optional): Defaults to the standard output.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stdout
        self.rewrites = self.stream.isatty()
        self._shown = False

    def show(self, text: str) -> None:
        """Show a line, in place of the one before."""
        self.clear()
        self.stream.write(text if self.rewrites else f'{text}\n')
        self.stream.flush()
        self._shown = self.rewrites

    def clear(self) -> None:
        """Make room for something else."""
        if self._shown:
            self.stream.write('\r\x1b[K')
            self._shown = False

    def keep(self) -> None:
        """Let the line that is shown stand."""
        if self._shown:
            self.stream.write('\n')
            self._shown = False


def bar(what: str, done: int, total: int, *facts: str) -> str:
    """A line of progress, such as ``train [###.....] 3/8  loss 0.3``; empty facts go."""
    filled = WIDTH * done // max(1, total)
    line = f'{what} [{"#" * filled}{"." * (WIDTH - filled)}] {done}/{total}'
    return '  '.join([line, *filter(None, facts)])


def duration(seconds: float) -> str:
    """``m:ss``, or ``h:mm:ss``."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f'{hours}:{minutes:02}:{seconds:02}' if hours else f'{minutes}:{seconds:02}'


def tracked(
    items: Iterable[Item], what: str, total: int, hidden: bool = False
) -> Iterator[Item]:
    """Items as they come, with a line of progress and the time that is left.

    Args:
        items (Iterable): What is worked on; each is done when the next one is asked for.
        what (str): Name of the line.
        total (int): How many there are.
        hidden (bool): Show nothing. Defaults to False.
    """
    console, start = Console(), time.monotonic()
    interval = ON_TERMINAL if console.rewrites else IN_FILE
    due = start + interval / 3
    for done, item in enumerate(items, 1):
        yield item
        now = time.monotonic()
        if not hidden and (now >= due or done == total):
            left = duration((now - start) * (total - done) / done)
            console.show(bar(what, done, total, '' if done == total else f'{left} left'))
            due = now + interval
    console.keep()


class ConsoleFilter(logging.Filter):
    """Passes messages of ours, results and errors; the toolbox's banners stay in files.

    Args:
        console (Console): Cleared before a message is printed.
    """

    def __init__(self, console: Console) -> None:
        super().__init__()
        self.console = console

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the message is printed."""
        passes = _passes(record, speaker())
        if passes:
            self.console.clear()
        return passes


class _Formatter(logging.Formatter):
    """The message alone, behind its level if that is more than information."""

    def format(self, record: logging.LogRecord) -> str:
        """One line of the console."""
        text = super().format(record)
        warns = record.levelno >= logging.WARNING
        return f'{record.levelname.lower()}: {text}' if warns else text


class QuietRunner(Runner):
    """mmengine's runner, with a logger that prints less than it writes."""

    def build_logger(self, *args, **kwargs) -> MMLogger:
        """As mmengine's; ``self.console`` is where progress can be shown."""
        logger = super().build_logger(*args, **kwargs)
        self.console = Console()
        for handler in logger.handlers:
            if getattr(handler, 'stream', None) is sys.stdout:
                handler.addFilter(ConsoleFilter(self.console))
                handler.setFormatter(_Formatter())
        return logger


def _passes(record: logging.LogRecord, speaker: str) -> bool:
    if record.levelno >= logging.ERROR or not _within(speaker, TOOLBOX):
        return True
    if record.levelno >= logging.WARNING:
        return not _within(speaker, FOR_PROGRAMMERS)
    return _within(speaker, RESULTS)


def _within(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == name or module.startswith(f'{name}.') for name in packages)


def speaker() -> str:
    """Module that logs the message being handled: the first caller that is no logging."""
    frame = sys._getframe(1)
    while frame is not None:
        name = frame.f_globals.get('__name__', '')
        if not _within(name, MACHINERY):
            return name
        frame = frame.f_back
    return ''
