"""Keep what was learnt when a training is interrupted."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import torch
from mmengine.dist import all_reduce, get_world_size
from mmengine.hooks import CheckpointHook, Hook

SIGNALS = (signal.SIGINT, signal.SIGTERM)
# Several processes ask each other so often: asking makes a GPU wait.
ASK_EVERY = 10
NOTICE = b'\ninterrupted: ends with a checkpoint after this iteration; again ends at once\n'


class InterruptHook(Hook):
    """Ends an interrupted training after its iteration, with a checkpoint.

    SIGINT (ctrl-C) and SIGTERM are waited for between the first iteration and the last;
    during the start, a validation, or the second time for SIGINT, they end the process as
    they always do. The checkpoint is one more of the run's ``CheckpointHook``, which counts
    it among those it keeps; trainings by epochs, which cannot be resumed within one, save
    nothing. All processes end in the same iteration. ``train`` registers the hook.

    Raises:
        KeyboardInterrupt: After the iteration.
    """

    # Behind whatever changes the state of an iteration, and its regular checkpoint.
    priority = 'LOWEST'

    def __init__(self) -> None:
        self._owner = os.getpid()
        self._caught = 0
        self._iterates = self._saves = False
        self._before: dict[int, object] = {}

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Catch the signals; only the main thread of a program can.

        Begin before data workers start: they inherit that ctrl-C is left to their parent.
        """
        if threading.current_thread() is threading.main_thread():
            found = {number: signal.getsignal(number) for number in SIGNALS}
            # What is ignored, such as SIGINT by a shell's background job, stays so.
            self._before = {
                n: h for n, h in found.items() if h not in (signal.SIG_IGN, None)
            }
        try:
            for number in self._before:
                signal.signal(number, self._catch)
            yield
        finally:
            for number, handler in self._before.items():
                signal.signal(number, handler)

    def _catch(self, number: int, frame: FrameType | None) -> None:
        own = os.getpid() == self._owner
        if self._saves or (number == signal.SIGINT and not own):
            return
        if own and self._iterates and not number == self._caught == signal.SIGINT:
            self._caught = number
            if number == signal.SIGINT:
                os.write(2, NOTICE)  # print may be what was interrupted
            return
        signal.signal(number, self._before[number])
        signal.raise_signal(number)

    def before_train(self, runner) -> None:
        """From now on an iteration comes to its end."""
        self._iterates = True

    def after_train(self, runner) -> None:
        """Nothing more is to be saved."""
        self._iterates = False

    def before_val(self, runner) -> None:
        """A validation is not waited for."""
        self._iterates = False

    def after_val(self, runner) -> None:
        """Iterations go on."""
        self._iterates = True

    def _any_caught(self, step: int) -> bool:
        """Whether a signal came to any process, which the others hear of a little later."""
        if get_world_size() == 1:
            return bool(self._caught)
        if step % ASK_EVERY:
            return False
        caught = torch.tensor(float(self._caught))
        all_reduce(caught, 'max')
        return bool(caught)

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        """Save and end, if a signal came to any process."""
        # Gradients of steps that are still being summed are in no checkpoint.
        parts = getattr(runner.optim_wrapper, '_accumulative_counts', 1)
        if (runner.iter + 1) % parts or not self._any_caught((runner.iter + 1) // parts):
            return
        self._saves = True
        for hook in runner.hooks:
            if isinstance(hook, CheckpointHook) and not hook.by_epoch:
                name = hook.filename_tmpl.format(runner.iter + 1)
                if not str(hook.last_ckpt).endswith(name):
                    hook._save_checkpoint(runner)
        raise KeyboardInterrupt
