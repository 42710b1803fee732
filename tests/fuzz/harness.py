"""Run many broken inputs in one process, and outlive what they do to it."""

import gc
import mmap
import os
import random
import resource
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from mutations import mutate

OUTCOMES = ('accepted', 'clear error', 'other', 'unusable', 'memory', 'hang', 'crash')
FINE = OUTCOMES[:2]
# Processor time and address space that one input may take.
SECONDS, BYTES = 10, 2**30
LONGEST = 500


@dataclass(frozen=True)
class Target:
    """A reader, whole files for it, and what makes a result usable.

    Attributes:
        name: Of the target.
        samples: Contents of whole files.
        read: Reads the file of that path; its folder holds nothing else but ``beside``.
        file: Name of the file, perhaps in a folder that ``beside`` makes.
        kind: See :func:`mutations.mutate`.
        beside: Other files, by name.
        usable: Whether the result of an accepted file can be worked with.
    """

    name: str
    samples: tuple[bytes, ...]
    read: Callable[[Path], object]
    file: str = 'file'
    kind: str = 'bytes'
    beside: tuple[tuple[str, bytes], ...] = ()
    usable: Callable[[object], bool] = lambda _: True


class Hang(BaseException):
    """An input took too long; no reader may catch it."""


@dataclass
class Fuzzer:
    """Breaks files of every target in turn; input ``number`` is the same in every run.

    Args:
        targets: What to read.
        seed: Of all draws.
        folder: Empty folder to work in.
    """

    targets: Sequence[Target]
    seed: int
    folder: Path

    def __post_init__(self) -> None:
        for target in self.targets:
            place = self._place(target)
            place.mkdir(parents=True)
            for name, content in target.beside:
                (place / name).parent.mkdir(parents=True, exist_ok=True)
                (place / name).write_bytes(content)

    def _place(self, target: Target) -> Path:
        return self.folder / target.name.replace(' ', '_')

    def target(self, number: int) -> Target:
        """Whose turn it is."""
        return self.targets[number % len(self.targets)]

    def content(self, number: int) -> bytes:
        """The broken file of a number."""
        target, draw = self.target(number), random.Random(f'{self.seed} {number}')
        return mutate(draw.choice(target.samples), target.kind, draw)

    def warm(self) -> None:
        """Read a whole file of each target, so that no child has to import for itself."""
        for target in self.targets:
            path = self._place(target) / target.file
            path.write_bytes(target.samples[0])
            with suppress(Exception):  # some refuse what they are given by intent
                target.read(path)
        # A data set collects garbage: not that of the whole toolbox each time.
        gc.collect()
        gc.freeze()

    def outcome(self, number: int) -> tuple[str, str]:
        """What became of an input, one of ``OUTCOMES``, and the message."""
        target = self.target(number)
        path = self._place(target) / target.file
        path.write_bytes(self.content(number))
        try:
            with time_limit():
                usable = target.usable(target.read(path))
            return 'accepted' if usable else 'unusable', ''
        except Hang:
            return 'hang', ''
        except MemoryError as error:
            return 'memory', str(error)
        except (ValueError, FileNotFoundError) as error:
            return _judge(error, self._place(target))
        except BaseException as error:
            return 'other', f'{type(error).__name__}: {error}'

    def batch(self, first: int, last: int) -> tuple[list[str], dict[int, str]]:
        """Run inputs in a child process.

        Args:
            first: First number.
            last: Behind the last number.

        Returns:
            tuple: Outcome of each input up to the one that ended the child, if one did; and
            the messages of those that failed, by number.
        """
        # A place for each input's outcome, as the child may not live to tell.
        marks = mmap.mmap(-1, last - first)
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            self._child(first, last, marks, writer)
        os.close(writer)
        with os.fdopen(reader) as lines:
            told = [line.rstrip('\n').split('\t', 1) for line in lines]
        status = os.waitpid(child, 0)[1]
        outcomes = [OUTCOMES[mark - 1] for mark in marks[:] if mark]
        messages = {int(number): message for number, message in told}
        if status:
            hung = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGVTALRM
            messages[first + len(outcomes)] = f'status {status}'
            outcomes.append('hang' if hung else 'crash')
        return outcomes, messages

    def _child(self, first: int, last: int, marks: mmap.mmap, writer: int) -> None:
        limit_memory()
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)  # decoders complain there
        sys.stdout = sys.stderr = open(os.devnull, 'w')  # noqa: SIM115 until the end
        code = 1
        try:
            with os.fdopen(writer, 'w', buffering=1) as out:
                for number in range(first, last):
                    outcome, message = self.outcome(number)
                    marks[number - first] = OUTCOMES.index(outcome) + 1
                    if outcome not in FINE:
                        out.write(f'{number}\t{ascii(message)[1:-1][:300]}\n')
            code = 0
        finally:
            os._exit(code)


def _judge(error: Exception, folder: Path) -> tuple[str, str]:
    """Whether a message is one clear line that names the file."""
    text = str(error)
    if 'allocate' in text or 'nsufficient memory' in text:
        return 'memory', text
    clear = type(error) in (ValueError, FileNotFoundError) and '\n' not in text
    clear = clear and str(folder) in text and len(text) < LONGEST
    # What the operating system says alone is no help.
    clear = clear and not text.startswith('[Errno')
    return ('clear error', text) if clear else ('other', f'{type(error).__name__}: {text}')


@contextmanager
def time_limit():
    """Raise :class:`Hang` after ``SECONDS`` of processor time; later end the process."""

    def stop(*_):
        raise Hang

    signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    signal.setitimer(signal.ITIMER_VIRTUAL, 3 * SECONDS)  # code that is not Python
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def limit_memory() -> None:
    """Let this process have ``BYTES`` more than it has now."""
    pages = int(Path('/proc/self/statm').read_text().split()[0])
    limit = pages * resource.getpagesize() + BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def fuzz(fuzzer: Fuzzer, inputs: int, batch: int = 2000, told=None, first: int = 0):
    """Read broken inputs; gives the counts of each target and the failures.

    Args:
        fuzzer: The targets.
        inputs: How many.
        batch: Inputs a child process; a new one forgets what readers may have leaked.
        told: Called with counts, failures and seconds after each child.
        first: Number of the first input.

    Returns:
        tuple: ``{name: Counter of OUTCOMES}`` and ``[(number, outcome, message)]``.
    """
    counts = {target.name: Counter() for target in fuzzer.targets}
    failures: list[tuple[int, str, str]] = []
    start, at, end = time.perf_counter(), first, first + inputs
    while at < end:
        outcomes, messages = fuzzer.batch(at, min(at + batch, end))
        for number, outcome in enumerate(outcomes, at):
            counts[fuzzer.target(number).name][outcome] += 1
            if outcome not in FINE:
                failures.append((number, outcome, messages[number]))
        at += len(outcomes)
        if told:
            told(counts, failures, time.perf_counter() - start)
    return counts, failures
