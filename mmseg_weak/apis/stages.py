"""Run a list of stages, or what is left of it, with doit.

doit keeps the order, decides what is up to date and runs in parallel; what counts as a
change is decided in :mod:`.stage_state`, and a command is run in :mod:`.stage_process`.
"""

from collections.abc import Sequence
from pathlib import Path

from doit.control import TaskControl
from doit.dependency import DatabaseException, Dependency
from doit.exceptions import BaseFail, TaskFailed, UnmetDependency
from doit.runner import MThreadRunner, Runner
from doit.task import Stream, Task
from mmengine.logging import print_log

from .stage_plan import Stage, check_inputs, select_stages
from .stage_process import StageFailure, run_command
from .stage_state import (
    FINISHED,
    MARKER,
    STATE,
    SafeJsonDB,
    begun_with,
    differences,
    fingerprint,
    locked,
    prepare_folder,
)
from .stopwatch import Stopwatch


def run_stages(
    stages: Sequence[Stage],
    names: Sequence[str] = (),
    jobs: int = 1,
    threads: int | None = None,
) -> list[str]:
    """Run the stages that are not up to date.

    A stage runs if it never finished, an output is missing, or its command or the content
    of an input changed; then whatever needs it runs as well, if its result changed. A stage
    that was broken off goes on in its folder (the command must be able to), unless its
    inputs changed meanwhile.

    Args:
        stages (Sequence[Stage]): From :func:`~mmseg_weak.apis.stage_plan.load_stages`.
        names (Sequence[str]): Stages to bring up to date, with all they need. Defaults to
            all.
        jobs (int): Commands at a time, >= 1. Defaults to 1.
        threads (int, optional): ``OMP_NUM_THREADS`` of the commands. Defaults to that of
            the environment, else to an equal share of the cores.

    Returns:
        list[str]: Names of the stages that ran.

    Raises:
        FileNotFoundError: An input is absent.
        ValueError: A name is unknown, the work dir is in use or cannot be written, or a
            stage failed; the message names it, its log and the end of the log.
    """
    if jobs < 1:
        raise ValueError(f'jobs must be >= 1, got {jobs}')
    chosen = select_stages(stages, names)
    check_inputs(chosen)
    root = chosen[0].folder.parent
    with locked(root) as held:
        reporter = _Reporter(_open_state(root))
        control = TaskControl([_task(stage, held, jobs, threads) for stage in chosen])
        control.process(None)
        settings = (reporter.state, reporter, False, False, Stream(0))
        runner = Runner(*settings) if jobs == 1 else MThreadRunner(*settings, jobs)
        runner.run_all(control.task_dispatcher())
    if reporter.failures:
        raise ValueError('\n'.join(reporter.failures))
    return reporter.ran


def list_stages(stages: Sequence[Stage]) -> list[tuple[str, str]]:
    """Name and state of each stage; nothing is run or written."""
    state = _open_state(stages[0].folder.parent)
    rows: list[tuple[str, str]] = []
    stale: set[str] = set()
    for stage in stages:
        reason = _why(stage, state.get_values(stage.name), stale)
        if reason:
            stale.add(stage.name)
        rows.append((stage.name, reason or 'finished'))
    return rows


def _why(stage: Stage, values: dict, stale: set[str]) -> str | None:
    """Why a stage would run."""
    waits = [name for name in stage.needs if name in stale]
    if not values:
        started = (stage.folder / MARKER).is_file()
        return 'broken off' if started else 'not run yet'
    if waits:
        return f'finished, may run again after {", ".join(waits)}'
    missing = [path for path in stage.outputs if not path.exists()]
    if missing:
        return f'output {missing[0]} is missing'
    absent = [path for path in stage.inputs.values() if not path.exists()]
    if absent:
        return f'input {absent[0]} is missing'
    now = fingerprint(stage)
    changed = differences(values['fingerprint'], now) or differences(
        begun_with(stage) or now, now
    )
    return f'changed: {", ".join(changed)}' if changed else None


def _open_state(root: Path) -> Dependency:
    """doit's record of what finished."""
    try:
        return Dependency(SafeJsonDB, str(root / STATE))
    except DatabaseException:
        raise ValueError(
            f'{root / STATE} is damaged; remove it, and finished stages are checked by '
            'running them again'
        ) from None


def _task(stage: Stage, held: int, jobs: int, threads: int | None) -> Task:
    """A stage as doit sees it."""

    def act() -> TaskFailed | None:
        return _run(stage, held, jobs, threads)

    def unchanged(task: Task, values: dict) -> bool:
        task.value_savers.append(lambda: dict(fingerprint=begun_with(stage)))
        # The record is of the last success: other values may have begun since, unfinished.
        now = fingerprint(stage)
        return values.get('fingerprint') == now == (begun_with(stage) or now)

    return Task(
        stage.name,
        [act],
        targets=[str(path) for path in stage.outputs],
        task_dep=list(stage.needs),
        uptodate=[unchanged],
        io=dict(capture=False),
    )


def _run(stage: Stage, held: int, jobs: int, threads: int | None) -> TaskFailed | None:
    """Prepare, run and check one stage."""
    try:
        goes_on = prepare_folder(stage)
        print_log(f'{stage.name}: {"goes on" if goes_on else "starts"}, log {stage.log}')
        with Stopwatch(stage.time_file) as watch:
            run_command(stage, held, jobs, threads)
    except StageFailure as error:
        return TaskFailed(str(error))
    except (ValueError, OSError) as error:
        return TaskFailed(f'stage {stage.name!r}: {error}')
    missing = [path for path in stage.outputs if not path.exists()]
    if missing:
        return TaskFailed(
            f'stage {stage.name!r} ended without its output {missing[0]}, see {stage.log}'
        )
    (stage.folder / FINISHED).touch()
    print_log(f'{stage.name}: finished after {watch.minutes:.1f} minutes')
    return None


class _Reporter:
    """Writes the state as soon as it changes, and collects failures."""

    def __init__(self, state: Dependency) -> None:
        self.state = state
        self.ran: list[str] = []
        self.failures: list[str] = []

    def add_success(self, task: Task) -> None:
        """Keep it, even if the next stage is killed."""
        self.ran.append(task.name)
        self.state.backend.dump()

    def add_failure(self, task: Task, fail: BaseFail) -> None:
        """Remember what to tell."""
        expected = isinstance(fail, (TaskFailed, UnmetDependency))
        if not isinstance(fail, UnmetDependency):
            self.failures.append(fail.message if expected else fail.get_msg())
        self.state.backend.dump()

    def skip_uptodate(self, task: Task) -> None:
        """Say so."""
        print_log(f'{task.name}: finished before')

    def runtime_error(self, message: str) -> None:
        """A mistake that doit found."""
        self.failures.append(message)

    def __getattr__(self, name: str):
        """What doit reports beyond that is of no interest."""
        if name.startswith('_'):
            raise AttributeError(name)
        return lambda *args: None
