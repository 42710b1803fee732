"""A training that was begun with ``mmseg-weak train`` in the folder of its stage."""

from mmengine.config import Config

from ..checkpoints import find_checkpoint
from .plan import Stage

# Entries of a config that decide what a training leads to.
DECISIVE = (
    *('model', 'train_dataloader', 'train_cfg', 'optim_wrapper', 'param_scheduler'),
    *('custom_hooks', 'load_from', 'randomness'),
)


def trained_by_hand(stage: Stage) -> bool:
    """Whether the folder of a stage holds a training of the stage's config.

    mmengine leaves the config of a training in its work dir. A training that reads the
    result of another stage is none, since nothing tells which result it read.

    Args:
        stage (Stage): Whose folder.
    """
    config = next(iter(stage.inputs.values()), None)
    if stage.checkpoint is None or stage.needs or not find_checkpoint(str(stage.folder)):
        return False
    left = stage.folder / config.name
    if '--cfg-options' in stage.command or not left.is_file():
        return False
    wanted, found = (Config.fromfile(path).to_dict() for path in (config, left))
    if '--seed' in stage.command:
        seed = int(stage.command[stage.command.index('--seed') + 1])
        wanted['randomness'] = dict(wanted.get('randomness') or {}, seed=seed)
    return all(_plain(wanted.get(k)) == _plain(found.get(k)) for k in DECISIVE)


def _plain(value):
    """Lists for tuples, which a config that was written may have become."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value
