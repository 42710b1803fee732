"""Run a list of stages, or what is left of it."""

import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import replace
from graphlib import TopologicalSorter

from ..checkpoints import find_checkpoint, read_checkpoint
from .plan import Stage, check_inputs, select_stages
from .process import StageFailure, is_running, say, start_command, wait_for
from .state import (
    State,
    claim_folder,
    differences,
    fingerprint,
    locked,
    read_state,
    write_state,
)

# Between two writings of the time that a running stage took so far, in seconds.
TIME_INTERVAL = 10.0


def run_stages(
    stages: Sequence[Stage],
    names: Sequence[str] = (),
    jobs: int = 1,
    threads: int | None = None,
    keep_going: bool = False,
) -> list[str]:
    """Run the stages that are not up to date.

    A stage runs if it never finished, an output is missing, or its command or the content
    of an input changed; then whatever needs it runs as well, if its result changed. A stage
    that was broken off goes on in its folder (the command must be able to), unless its
    inputs changed meanwhile.

    Args:
        stages (Sequence[Stage]): From :func:`~mmseg_weak.stages.plan.load_stages`.
        names (Sequence[str]): Stages to bring up to date, with all they need. Defaults to
            all.
        jobs (int): Commands at a time, >= 1. Defaults to 1.
        threads (int, optional): ``OMP_NUM_THREADS`` of the commands. Defaults to that of
            the environment, else to an equal share of the cores.
        keep_going (bool): After a failure still start what does not need the failed stage.
            Defaults to False.

    Returns:
        list[str]: Names of the stages that ran.

    Raises:
        FileNotFoundError: An input is absent.
        ValueError: A name is unknown, a work dir is in use or cannot be written, or a
            stage failed; the message names it, its log and the end of the log.
    """
    if jobs < 1:
        raise ValueError(f'jobs must be >= 1, got {jobs}')
    chosen = select_stages(stages, names)
    check_inputs(chosen)
    folders = list({stage.folder.parent: None for stage in chosen})
    with locked(folders) as held:
        run = _Run(held, jobs, threads)
        run.all(chosen, halts=not keep_going)
    if run.failures:
        raise ValueError('\n'.join(run.failures))
    return run.ran


def list_stages(stages: Sequence[Stage]) -> list[tuple[str, str]]:
    """Name and state of each stage; nothing is run or written."""
    rows: list[tuple[str, str]] = []
    stale: set[str] = set()
    for stage in stages:
        reason = _why(stage, stale)
        if reason:
            stale.add(stage.name)
        rows.append((stage.name, reason or 'finished'))
    return rows


def _why(stage: Stage, stale: set[str]) -> str | None:
    """Why a stage would run, or that it runs."""
    state = read_state(stage.folder)
    if state is None:
        return 'not run yet'
    if not state.finished:
        return 'running' if is_running(stage) else 'broken off'
    waits = [name for name in stage.needs if name in stale]
    if waits:
        return f'finished, may run again after {", ".join(waits)}'
    missing = [path for path in stage.outputs if not path.exists()]
    if missing:
        return f'output {missing[0]} is missing'
    absent = [path for path in stage.inputs.values() if not path.exists()]
    if absent:
        return f'input {absent[0]} is missing'
    changed = differences(state.fingerprint, fingerprint(stage))
    return f'changed: {", ".join(changed)}' if changed else None


class _Run:
    """The threads and processes of one call.

    Args:
        held (tuple[int, ...]): Descriptors of the locks.
        jobs (int): Commands at a time.
        threads (int, optional): Of each command.
    """

    def __init__(self, held: tuple[int, ...], jobs: int, threads: int | None) -> None:
        self.held, self.jobs, self.threads = held, jobs, threads
        self.ran: list[str] = []
        self.failures: list[str] = []
        self.lock, self.stopped = threading.Lock(), False
        self.processes: set[subprocess.Popen] = set()

    def all(self, stages: Sequence[Stage], halts: bool) -> None:
        """Bring stages up to date, in their order where their needs leave a choice.

        With ``halts`` a failure lets no other stage start.
        """
        by_name = {stage.name: stage for stage in stages}
        places = {name: place for place, name in enumerate(by_name)}
        sorter = TopologicalSorter({stage.name: stage.needs for stage in stages})
        sorter.prepare()
        ready: list[str] = []
        running: dict[Future, str] = {}
        with ThreadPoolExecutor(self.jobs) as pool, self._ending_commands():
            while True:
                ready = sorted([*ready, *sorter.get_ready()], key=places.get)
                while ready and len(running) < self.jobs and not (halts and self.failures):
                    name = ready.pop(0)
                    running[pool.submit(self._bring, by_name[name])] = name
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    name = running.pop(future)
                    if self._ended(name, future):
                        sorter.done(name)

    def _ended(self, name: str, future: Future) -> bool:
        """Whether a stage is up to date now."""
        try:
            if future.result():
                self.ran.append(name)
        except StageFailure as error:
            self.failures.append(str(error))
            return False
        except (ValueError, OSError) as error:
            self.failures.append(f'stage {name!r}: {error}')
            return False
        return True

    @contextmanager
    def _ending_commands(self) -> Iterator[None]:
        """Leave no command behind when an interrupt ends the run."""
        try:
            yield
        except BaseException:
            with self.lock:
                self.stopped = True
                for process in self.processes:
                    process.terminate()
            raise

    def _bring(self, stage: Stage) -> bool:
        """Bring one stage up to date; whether it had to run."""
        state = claim_folder(stage, fingerprint(stage))
        if state.finished and all(path.exists() for path in stage.outputs):
            say(f'{stage.name}: finished before')
            return False
        going_on = len(list(stage.folder.iterdir())) > 1
        if going_on and stage.checkpoint:  # a training may have ended before its first one
            going_on = find_checkpoint(str(stage.folder)) is not None
        say(f'{stage.name}: {"goes on" if going_on else "starts"}, log {stage.log}')
        state = self._execute(stage, replace(state, finished=False))
        _check_outputs(stage)
        write_state(stage, replace(state, finished=True))
        say(f'{stage.name}: finished after {state.minutes:.1f} minutes')
        return True

    def _execute(self, stage: Stage, state: State) -> State:
        """Run the command and write down now and then how long it took."""
        write_state(stage, state)
        with self.lock:
            if self.stopped:
                raise StageFailure(f'stage {stage.name!r} was not started')
            process, first = start_command(stage, self.held, self.jobs, self.threads)
            self.processes.add(process)
        start = written = time.monotonic()

        def spent() -> State:
            minutes = (time.monotonic() - start) / 60
            return replace(state, minutes=state.minutes + minutes)

        def tick() -> None:
            nonlocal written
            if time.monotonic() - written >= TIME_INTERVAL:
                written = time.monotonic()
                with suppress(ValueError):  # a full disk is for the command to report
                    write_state(stage, spent())

        try:
            wait_for(stage, process, first, tick)
        finally:
            self.processes.discard(process)
            write_state(stage, spent())
        return spent()


def _check_outputs(stage: Stage) -> None:
    """Whether everything is there, and weights are numbers.

    Raises:
        StageFailure: With the stage and the file.
    """
    missing = [path for path in stage.outputs if not path.exists()]
    if missing:
        raise StageFailure(
            f'stage {stage.name!r} ended without its output {missing[0]}, see {stage.log}'
        )
    if stage.checkpoint:
        try:
            read_checkpoint(str(stage.checkpoint))
        except ValueError as error:
            raise StageFailure(f'stage {stage.name!r} is not finished: {error}') from None
