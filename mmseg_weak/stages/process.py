"""Run the command of a stage, its output in a log file, its progress on the screen."""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from .._processes import die_with_parent
from .plan import Stage

try:
    import fcntl
except ImportError:  # not POSIX: no lock
    fcntl = None

TAIL_LINES = 5
TAIL_BYTES = 4000
# Between two looks at a running command, in seconds; on a terminal each shows.
INTERVAL = 1.0
# Between two lines of progress where the output is a file or a pipe, in seconds.
QUIET_INTERVAL = 60.0
# torchrun reads these in place of the variables that tools/dist_train.sh documents.
TORCHRUN = dict(
    NNODES='PET_NNODES',
    NODE_RANK='PET_NODE_RANK',
    MASTER_ADDR='PET_MASTER_ADDR',
    PORT='PET_MASTER_PORT',
)


class StageFailure(ValueError):
    """A stage ended badly; the message names it, its log and the end of the log."""


def say(text: str) -> None:
    """Print a line at once, also into a pipe."""
    print(text, flush=True)


def start_command(
    stage: Stage, held: tuple[int, ...], jobs: int, threads: int | None
) -> tuple[subprocess.Popen, int]:
    """Start a command whose output is appended to ``stage.log``.

    Args:
        stage (Stage): What to run.
        held (tuple[int, ...]): Descriptors of the locks; the command inherits them.
        jobs (int): Commands at a time.
        threads (int, optional): See :func:`~mmseg_weak.stages.run.run_stages`.

    Returns:
        tuple[subprocess.Popen, int]: The process, and the byte at which its output begins.

    Raises:
        StageFailure: There is no such program.
    """
    stage.log.parent.mkdir(parents=True, exist_ok=True)
    with open(stage.log, 'ab') as log:
        if fcntl is not None:
            with suppress(OSError):  # a disk without locks: nobody sees that it runs
                fcntl.flock(log, fcntl.LOCK_SH)
        log.write(f'$ {shlex.join(stage.command)}\n'.encode())
        log.flush()
        first = log.tell()
        try:
            process = subprocess.Popen(
                stage.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=_environment(stage, jobs, threads),
                pass_fds=held,
                preexec_fn=partial(die_with_parent, os.getpid()),
            )
        except OSError as error:
            raise StageFailure(
                f'stage {stage.name!r}: {stage.command[0]} cannot be started ({error})'
            ) from None
    return process, first


def is_running(stage: Stage) -> bool:
    """Whether the command of a stage runs now, in whatever process.

    Its output, which it inherits, is locked until it ends.
    """
    if fcntl is None or not stage.log.is_file():
        return False
    with open(stage.log, 'rb') as log:
        try:
            fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            return isinstance(error, BlockingIOError)
    return False


def wait_for(
    stage: Stage, process: subprocess.Popen, first: int, tick: Callable[[], None]
) -> None:
    """Wait for a command and show how it goes.

    Args:
        stage (Stage): Whose command it is.
        process (subprocess.Popen): The command.
        first (int): Byte of the log at which its output begins.
        tick (Callable[[], None]): Called every second.

    Raises:
        StageFailure: It ended with another code than 0.
    """
    start = shown = time.monotonic()
    while True:
        try:
            code = process.wait(INTERVAL)
            break
        except subprocess.TimeoutExpired:
            now = time.monotonic()
            tick()
            if sys.stdout.isatty() or now - shown >= QUIET_INTERVAL:
                shown = now
                _show(stage, now - start)
    if code:
        raise StageFailure(
            f'stage {stage.name!r} failed (exit code {code}; a negative one is the signal '
            f'that ended it), see {stage.log}:\n{log_tail(stage.log, first)}'
        )


def _show(stage: Stage, seconds: float) -> None:
    """The end of the log in one line, which the next one overwrites on a terminal."""
    minutes, seconds = divmod(int(seconds), 60)
    last = log_tail(stage.log).splitlines()[-1:] or ['']
    line = f'{stage.name} {minutes}:{seconds:02d} {last[0]}'
    if not sys.stdout.isatty():
        return say(line)
    width = os.get_terminal_size(sys.stdout.fileno()).columns - 1
    print(f'\r{line[:width]:<{width}}', end='\r', flush=True)


def _environment(stage: Stage, jobs: int, threads: int | None) -> dict[str, str]:
    """``python`` in a shell script is the interpreter of this process."""
    environment = dict(os.environ, PYTHONWARNINGS='ignore', PYTHONUNBUFFERED='1')
    share = max(1, (os.cpu_count() or 1) // jobs)
    if threads is not None:
        environment['OMP_NUM_THREADS'] = str(threads)
    environment.setdefault('OMP_NUM_THREADS', str(share))
    for name, meant in TORCHRUN.items():
        if name in environment:
            environment.setdefault(meant, environment[name])
    folders = [str(Path(sys.executable).parent), environment.get('PATH', os.defpath)]
    return {**environment, 'PATH': os.pathsep.join(folders), **stage.env}


def log_tail(log: Path, start: int = 0) -> str:
    """Last lines of a log, not reaching back before byte ``start``."""
    with open(log, 'rb') as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(start, end - TAIL_BYTES))
        text = file.read().decode(errors='replace')
    # A progress bar overwrites its line: what stands after the last return counts.
    lines = [line.rstrip('\r').split('\r')[-1] for line in text.split('\n')]
    return '\n'.join([line for line in lines if line.strip()][-TAIL_LINES:])
