"""Run the command of a stage, its output in a log file."""

import os
import shlex
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

from .._processes import die_with_parent
from .stage_plan import Stage

TAIL_LINES = 5
TAIL_BYTES = 4000
# Between two looks at the log of a running command, in seconds.
INTERVAL = 1.0


class StageFailure(Exception):
    """A command ended badly."""


def run_command(stage: Stage, held: int, jobs: int = 1, threads: int | None = None) -> None:
    """Run and wait; its output is appended to ``stage.log``.

    Args:
        stage (Stage): What to run.
        held (int): Descriptor of the lock on the work dir; the command inherits it.
        jobs (int): Commands at a time. Defaults to 1.
        threads (int, optional): See :func:`~mmseg_weak.apis.stages.run_stages`.

    Raises:
        StageFailure: It cannot be started, or ended with another code than 0.
    """
    stage.log.parent.mkdir(parents=True, exist_ok=True)
    with open(stage.log, 'ab') as log:
        log.write(f'$ {shlex.join(stage.command)}\n'.encode())
        log.flush()
        start = log.tell()
        try:
            process = subprocess.Popen(
                stage.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=_environment(stage, jobs, threads),
                pass_fds=(held,),
                preexec_fn=partial(die_with_parent, os.getpid()),
            )
        except OSError as error:
            raise StageFailure(
                f'stage {stage.name!r}: {stage.command[0]} cannot be started ({error})'
            ) from None
        with _Progress(stage):
            code = process.wait()
    if code:
        raise StageFailure(
            f'stage {stage.name!r} failed (exit code {code}; a negative one is the signal '
            f'that ended it), see {stage.log}:\n{log_tail(stage.log, start)}'
        )


def _environment(stage: Stage, jobs: int, threads: int | None) -> dict[str, str]:
    """``python`` in a shell script is the interpreter of this process."""
    environment = dict(os.environ, PYTHONWARNINGS='ignore', PYTHONUNBUFFERED='1')
    share = max(1, (os.cpu_count() or 1) // jobs)
    if threads is not None:
        environment['OMP_NUM_THREADS'] = str(threads)
    environment.setdefault('OMP_NUM_THREADS', str(share))
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


class _Progress:
    """On a terminal, one line that shows the end of the log while a command runs."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.done = threading.Event()
        self.thread = threading.Thread(target=self._show, daemon=True)

    def __enter__(self) -> None:
        if sys.stdout.isatty():
            self.thread.start()

    def __exit__(self, *_) -> None:
        self.done.set()
        if self.thread.is_alive():
            self.thread.join()

    def _show(self) -> None:
        start = time.monotonic()
        while not self.done.wait(INTERVAL):
            minutes, seconds = divmod(int(time.monotonic() - start), 60)
            last = log_tail(self.stage.log).splitlines()[-1:] or ['']
            width = os.get_terminal_size(sys.stdout.fileno()).columns - 1
            line = f'{self.stage.name} {minutes}:{seconds:02d} {last[0]}'[:width]
            sys.stdout.write(f'\r{line:<{width}}\r')
            sys.stdout.flush()
