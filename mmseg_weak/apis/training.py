"""Train a config with mmengine's runner."""

from mmengine.config import Config
from mmengine.device import get_device
from mmengine.logging import print_log
from mmengine.runner import Runner

from ..engine.hooks.interrupt_hook import InterruptHook
from .launch import build_runner, is_finished, set_resume
from .path_check import check_paths


def train(
    config: Config,
    resume: str | None = None,
    amp: bool = False,
    seed: int | None = None,
    verbose: bool = True,
) -> Runner | None:
    """Train, after absent files were named.

    Args:
        config (Config): From :func:`~mmseg_weak.apis.load_config`.
        resume (str, optional): Checkpoint to resume from, or ``auto`` for the newest of
            the work folder. Defaults to None, a new training.
        amp (bool): Mixed precision. Defaults to False.
        seed (int, optional): Random seed; defaults to the config's.
        verbose (bool): Print all that the log file gets. Defaults to True.

    Returns:
        Runner: After the training; None if there was nothing left to train.

    Raises:
        FileNotFoundError: A file is absent.
        ValueError: Data, model and checkpoint do not fit, there is no GPU for ``amp``, or
            the training diverged.
        KeyboardInterrupt: It was interrupted; see
            :class:`~mmseg_weak.engine.hooks.interrupt_hook.InterruptHook`.
    """
    if seed is not None:
        config.randomness = dict(config.get('randomness', {}), seed=seed)
    if amp:
        if get_device() in ('cpu', 'mps'):
            raise ValueError('--amp needs a GPU, and torch finds none')
        config.optim_wrapper.type = 'AmpOptimWrapper'
        config.optim_wrapper.setdefault('loss_scale', 'dynamic')
    hooks = config.setdefault('default_hooks', {})
    hooks.setdefault('finite', dict(type='NonFiniteLossHook'))
    check_paths(config, ('train', 'val'))
    if resume:
        set_resume(config, resume)
        # A checkpoint that is named may be of another training: the runner compares it.
        if resume == 'auto' and is_finished(config):
            print_log(f'{config.load_from}: finished already')
            return None
    runner = build_runner(config, verbose)
    interrupts = InterruptHook()
    runner.register_hook(interrupts)
    with interrupts.listening():
        runner.train()
    return runner
