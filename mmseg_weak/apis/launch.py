"""From a config file and command-line options to an mmengine runner."""

import os
import re
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import torch
import torch.distributed as torch_dist
from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.runner import CheckpointLoader
from torch import nn

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
    if not Path(path).is_file():
        raise FileNotFoundError(f'config {path} does not exist')
    config = Config.fromfile(path)
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


def find_checkpoint(work_dir: str) -> str | None:
    """Newest complete checkpoint of a folder, to resume a run that was killed.

    A run killed while it wrote leaves a truncated file, perhaps named by
    ``last_checkpoint``; it is passed over for the one before.

    Args:
        work_dir (str): Folder of an earlier run.

    Returns:
        str | None: Path of the checkpoint, None if there is none.
    """
    folder = Path(work_dir)
    candidates = sorted(
        [*folder.glob('iter_*.pth'), *folder.glob('epoch_*.pth')],
        key=lambda path: int(path.stem.split('_')[1]),
        reverse=True,
    )
    for path in candidates:
        # torch writes a zip archive whose directory stands at the end of the file.
        if zipfile.is_zipfile(path):
            return str(path)
        print_log(f'{path} is not complete and is passed over', logger='current')
    return None


def require_checkpoint(path: str) -> None:
    """Check that a file is there and looks like a complete file of ``torch.save``.

    Raises:
        FileNotFoundError: It does not exist.
        ValueError: It is no checkpoint, or its end is missing.
    """
    if not os.path.isfile(path):
        raise FileNotFoundError(f'checkpoint {path} does not exist')
    with open(path, 'rb') as file:
        start = file.read(2)
    # A zip archive; before torch 1.6 a pickle.
    if not (zipfile.is_zipfile(path) or start[:1] == b'\x80'):
        kind = 'complete checkpoint, its end is missing' if start == b'PK' else 'checkpoint'
        raise ValueError(f'{path} is no {kind}')


# Parts of a model that predictions do without.
TRAINING_ONLY = (
    'auxiliary_head.',
    'affinity_head.',
    'prediction_network.',
    'sub_category_head.',
)


def require_weights(model: nn.Module, checkpoint: str, config: str) -> None:
    """Check that a checkpoint holds every weight that predictions need.

    mmengine tells of absent ones in the log only, and goes on with random numbers.

    Args:
        model (nn.Module): As a runner wraps it.
        checkpoint (str): Path of the checkpoint.
        config (str): Name of the config, for the message.

    Raises:
        ValueError: It is the checkpoint of another model.
    """
    content = CheckpointLoader.load_checkpoint(checkpoint, map_location='cpu')
    found = _plain_names(content.get('state_dict', content))
    for name, value in _plain_names(model.state_dict()).items():
        if name.startswith(TRAINING_ONLY) or name.endswith('num_batches_tracked'):
            continue
        if name not in found or found[name].shape != value.shape:
            got = f'has {tuple(found[name].shape)}' if name in found else 'is absent'
            raise ValueError(
                f'{checkpoint} is not a checkpoint of the model of {config}, perhaps of '
                f'another config: {name} {got}, the model has {tuple(value.shape)}'
            )


def _plain_names(state: dict) -> dict:
    """Without the names that wrappers add."""
    return {
        re.sub(r'(^|\.)(module\.)+', r'\1', name): value for name, value in state.items()
    }


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


def run_tool(main: Callable[[], None]) -> None:
    """Run a command; a user's mistake or a full disk ends in one line, no traceback.

    Set the environment variable ``MMSEG_WEAK_TRACEBACK`` to see where it came from.
    """
    try:
        main()
        if torch_dist.is_initialized():
            torch_dist.barrier()  # nobody leaves while another still talks
            torch_dist.destroy_process_group()
    except (OSError, ValueError, KeyError, TypeError) as error:
        if os.environ.get('MMSEG_WEAK_TRACEBACK') or not _is_users_mistake(error):
            raise
        if isinstance(error, KeyError):  # its str() is a repr
            error = error.args[0]
        error = _of_worker(str(error))
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
