"""From a config file and command-line options to an mmengine runner."""

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
import torch.distributed as torch_dist
from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.runner import Runner

from .._messages import shortened
from ..checkpoints import find_checkpoint, require_checkpoint
from ..configs import read_config
from ..engine.console import QuietRunner
from ..engine.hooks.launch_hooks import (
    AbsentClassesHook,
    CheckpointCheckHook,
    DataReportHook,
)
from ..engine.hooks.progress_hook import ProgressHook

# A damaged file may be quoted as a whole.
LONGEST = 2000
LAUNCHERS = ('none', 'pytorch', 'slurm', 'mpi')


def load_config(
    path: str,
    work_dir: str | None = None,
    options: dict | None = None,
    launcher: str = 'none',
) -> Config:
    """Read a config and apply command-line options.

    Args:
        path (str): Config file.
        work_dir (str, optional): Output folder; defaults to the config's own, else to
            ``work_dirs/<config name>``.
        options (dict, optional): Overrides as ``key.sub_key=value``.
        launcher (str): One of ``none``, ``pytorch``, ``slurm``, ``mpi``.

    Returns:
        Config: Ready for ``Runner.from_cfg``.

    Raises:
        FileNotFoundError: The config does not exist.
        ValueError: The work folder cannot be written.
    """
    config = read_config(path)
    if options:
        config.merge_from_dict(options)
    config.launcher = launcher
    config.work_dir = work_dir or config.get('work_dir') or f'work_dirs/{Path(path).stem}'
    require_writable(config.work_dir)
    if not torch.cuda.is_available():
        without_sync_norm(config)
        if launcher == 'pytorch':
            use_cpu_processes(config)
    return config


def require_writable(folder: str) -> None:
    """Create a folder and check that files can be written there.

    Raises:
        ValueError: It cannot, with the reason.
    """
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ValueError(
            f'folder {folder} cannot be written ({error}); choose another'
        ) from None


def without_sync_norm(config: Config) -> Config:
    """Replace ``SyncBN``, which torch implements on GPUs only, by ``BN`` in place.

    The checkpoint's keys stay the same.
    """
    pending = [config._cfg_dict]
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            if node.get('type') == 'SyncBN':
                node['type'] = 'BN'
            pending.extend(node.values())
        elif isinstance(node, (list, tuple)):
            pending.extend(node)
    return config


def use_cpu_processes(config: Config) -> None:
    """Join the processes of torchrun through gloo, for machines without a GPU.

    mmengine's own start calls ``torch.cuda.set_device``, which a CPU build refuses; it
    leaves a process group that exists alone.
    """
    if not torch_dist.is_initialized():
        torch_dist.init_process_group('gloo')
    # What mmengine takes where the config names no wrapper.
    wrapper = config.get('model_wrapper_cfg') or dict(
        type='MMDistributedDataParallel',
        find_unused_parameters=config.get('find_unused_parameters', False),
    )
    config.model_wrapper_cfg = dict(wrapper, device_ids=None)


def set_resume(config: Config, checkpoint: str) -> None:
    """Resume from a checkpoint, or from the newest of the work folder with ``auto``.

    Raises:
        FileNotFoundError: A checkpoint was named and does not exist.
        ValueError: It is not complete.
    """
    if checkpoint == 'auto':
        checkpoint = find_checkpoint(config.work_dir)
        if checkpoint is None:
            print_log(f'nothing to resume in {config.work_dir}: starting anew')
            return
    else:
        require_checkpoint(checkpoint)
    config.resume = True
    config.load_from = checkpoint


def is_finished(config: Config) -> bool:
    """Whether the checkpoint that a config resumes from is that of its last iteration."""
    if not config.get('resume') or not config.get('load_from'):
        return False
    kind, _, number = Path(config.load_from).stem.partition('_')
    loop = config.get('train_cfg') or {}
    last = loop.get({'iter': 'max_iters', 'epoch': 'max_epochs'}.get(kind))
    return number.isdigit() and last is not None and int(number) >= int(last)


def run_tool(main: Callable[[], None]) -> None:
    """Run a command; a mistake, a full disk or ctrl-C ends in one line, no traceback.

    Set the environment variable ``MMSEG_WEAK_TRACEBACK`` to see where it came from.
    """
    try:
        main()
        if torch_dist.is_initialized():
            torch_dist.barrier()  # nobody leaves while another still talks
            torch_dist.destroy_process_group()
    except KeyboardInterrupt:
        if os.environ.get('MMSEG_WEAK_TRACEBACK'):
            raise
        sys.exit('interrupted')
    except (OSError, ValueError, KeyError, TypeError) as error:
        if os.environ.get('MMSEG_WEAK_TRACEBACK') or not _is_users_mistake(error):
            raise
        if isinstance(error, KeyError):  # its str() is a repr
            error = error.args[0]
        error = shortened(_of_worker(str(error)), LONGEST)
        sys.exit(f'error: {error}\n(MMSEG_WEAK_TRACEBACK=1 shows the traceback)')


def _of_worker(text: str) -> str:
    """The message alone of an error that a data worker sends with its traceback."""
    if 'in DataLoader worker process' not in text.split('\n', 1)[0]:
        return text
    return text.rstrip().rsplit('\n', 1)[-1].partition(': ')[2]


def _is_users_mistake(error: Exception) -> bool:
    """Tell an unknown type or option of the config from other errors of these classes."""
    if isinstance(error, KeyError):
        return 'is not in the' in str(error) and 'registry' in str(error)
    if isinstance(error, TypeError):
        return 'unexpected keyword argument' in str(error)
    return True


def build_runner(config: Config, verbose: bool = False) -> Runner:
    """mmengine's runner of a config, which checks the checkpoints it loads.

    Args:
        config (Config): From :func:`~mmseg_weak.apis.load_config`.
        verbose (bool): Print all that the log file gets, and the reports of the data sets
            again before the first iteration. Defaults to False: messages of this package,
            results, warnings, and one line of progress.
    """
    runner = (Runner if verbose else QuietRunner).from_cfg(config)
    runner.register_hook(CheckpointCheckHook())
    runner.register_hook(AbsentClassesHook())
    if verbose:
        runner.register_hook(DataReportHook(runner.logger))
    else:
        runner.register_hook(ProgressHook(runner.console))
    return runner
