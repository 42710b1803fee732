"""Absent files are named before anything is built."""

import os.path as osp

from mmengine.config import Config

from ..models.backbones.package_weights import PREFIX, package_file
from ..models.declaration import declarations
from .dataset_settings import single_datasets


def check_paths(config: Config, splits: tuple[str, ...]) -> None:
    """Check the data folders, split lists, pre-trained weights and the model's own files.

    Args:
        config (Config): The whole config.
        splits (tuple[str, ...]): Which of ``train``, ``val`` and ``test`` will run.

    Raises:
        FileNotFoundError: A path does not exist; the message names the config entry,
            or the package to install.
    """
    for split in splits:
        loader = config.get(f'{split}_dataloader')
        if loader is not None:
            for dataset in single_datasets(loader['dataset']):
                _check_dataset(f'{split}_dataloader.dataset', dataset)
    init = config.model.get('backbone', {}).get('init_cfg') or {}
    checkpoint = (init.get('checkpoint') if isinstance(init, dict) else None) or ''
    if 'train' in splits and checkpoint.startswith(PREFIX):
        package_file(checkpoint.removeprefix(PREFIX))
    elif 'train' in splits and checkpoint and '://' not in checkpoint:
        _require('model.backbone.init_cfg.checkpoint', checkpoint)
    if 'train' in splits:
        for entry, path in declarations(config.model).files(config.model).items():
            _require(f'model.{entry}', path)


def _check_dataset(entry: str, dataset: dict) -> None:
    root = dataset.get('data_root') or ''
    if '://' in root:
        return
    if root:
        _require(f'{entry}.data_root', root)
    if dataset.get('ann_file'):
        _require(f'{entry}.ann_file', osp.join(root, dataset['ann_file']))
    for name, folder in (dataset.get('data_prefix') or {}).items():
        if folder:
            _require(f'{entry}.data_prefix.{name}', osp.join(root, folder))


def _require(entry: str, path: str) -> None:
    if not osp.exists(path):
        raise FileNotFoundError(
            f'{path} does not exist ({entry} of the config); docs/data.md says where data '
            'and weights of the shipped configs come from'
        )
