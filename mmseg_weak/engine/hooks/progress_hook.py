"""One line of progress with the time that is left."""

import time
from collections import deque
from collections.abc import Callable, Mapping
from numbers import Real

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop
from torch import Tensor

from ..console import IN_FILE, ON_TERMINAL, Console, bar, duration

# The time of an iteration is the mean of so many; schedules change it.
RECENT = 100


class RemainingTime:
    """How long a training will still take, measured.

    Time of recent iterations with their loading and saving, and apart from it that of
    validations, of which every one that is still to come counts.

    Args:
        clock (Callable): Seconds, for tests. Defaults to ``time.monotonic``.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.iterations = deque(maxlen=RECENT + 1)
        self.validations: list[float] = []
        self._validating = 0.0
        self._began = 0.0

    def iteration(self) -> None:
        """An iteration ended."""
        self.iterations.append(self.clock() - self._validating)

    def begin_validation(self) -> None:
        """A validation begins."""
        self._began = self.clock()

    def end_validation(self) -> None:
        """It ended."""
        self.validations.append(self.clock() - self._began)
        self._validating += self.validations[-1]

    def left(self, iterations: int, validations: int = 0) -> str:
        """The time for so many iterations and validations as text, empty if unknown."""
        if len(self.iterations) < 2:
            return ''
        span = self.iterations[-1] - self.iterations[0]
        seconds = iterations * span / (len(self.iterations) - 1)
        if not validations or self.validations:
            mean = sum(self.validations) / max(1, len(self.validations))
            return f'{duration(seconds + validations * mean)} left'
        plural = 's' if validations > 1 else ''
        return f'{duration(seconds)} and {validations} validation{plural} left'


class ProgressHook(Hook):
    """Shows iteration, loss and the time that is left, and the results of validations.

    Args:
        console (Console): Where.
    """

    priority = 'LOWEST'

    def __init__(self, console: Console) -> None:
        self.console = console
        self.interval = ON_TERMINAL if console.rewrites else IN_FILE
        self.remaining = RemainingTime()
        self._next = 0.0

    def before_train(self, runner) -> None:
        """The first line comes when the first iterations are timed."""
        self._next = time.monotonic() + self.interval / 3

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        """Show the iteration if the last line is old enough."""
        self.remaining.iteration()
        done, last = runner.iter + 1, runner.iter + 1 == runner.max_iters
        if not self._is_due(last):
            return
        loss = (outputs or {}).get('loss')
        loss = loss.detach() if isinstance(loss, Tensor) else loss
        left = self.remaining.left(runner.max_iters - done, _validations_left(runner))
        facts = ['' if loss is None else f'loss {float(loss):.4g}', '' if last else left]
        self._show('train', done, runner.max_iters, *facts)
        if last:
            self.console.keep()

    def before_val(self, runner) -> None:
        """Time the validation."""
        self.remaining.begin_validation()

    def after_val(self, runner) -> None:
        """Time the validation."""
        self.remaining.end_validation()

    def after_val_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        """Show the image."""
        if self._is_due(False):
            self._show('validate', batch_idx + 1, len(runner.val_dataloader))

    def after_test_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        """Show the image."""
        self.remaining.iteration()
        if self._is_due(False):
            total = len(runner.test_dataloader)
            left = self.remaining.left(total - batch_idx - 1)
            self._show('test', batch_idx + 1, total, left)

    def after_val_epoch(self, runner, metrics: Mapping | None = None) -> None:
        """Tell the results."""
        self._tell(f'iteration {runner.iter}', metrics)

    def after_test_epoch(self, runner, metrics: Mapping | None = None) -> None:
        """Tell the results."""
        self._tell('test', metrics)

    def _is_due(self, always: bool) -> bool:
        now = time.monotonic()
        due = is_main_process() and (always or now >= self._next)
        if due:
            self._next = now + self.interval
        return due

    def _show(self, what: str, done: int, total: int, *facts: str) -> None:
        self.console.show(bar(what, done, total, *facts))

    def _tell(self, what: str, metrics: Mapping | None) -> None:
        if not metrics or not is_main_process():
            return
        numbers = '  '.join(
            f'{name} {value:.2f}' if isinstance(value, Real) else f'{name} {value}'
            for name, value in metrics.items()
        )
        self.console.clear()
        self.console.show(f'{what}: {numbers}')
        self.console.keep()


def _validations_left(runner) -> int:
    """Validations of the rest of a training."""
    if runner.val_loop is None:
        return 0
    loop = runner.train_loop
    done, end = runner.iter, runner.max_iters
    if isinstance(loop, EpochBasedTrainLoop):
        done, end = runner.epoch, runner.max_epochs
    steps = range(max(done + 1, loop.val_begin), end + 1)
    return sum(step % loop.val_interval == 0 or step == end for step in steps)
