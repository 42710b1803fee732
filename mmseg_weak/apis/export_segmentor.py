"""A trained model as a stock one, or one branch of a pair as a model of its own."""

import copy
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.registry import Registry, init_default_scope
from mmseg.models.segmentors import BaseSegmentor
from mmseg.registry import DATASETS, METRICS, MODELS, TRANSFORMS, VISUALIZERS
from torch import Tensor

from .._files import replace_file
from ..checkpoints import checkpoint_file, read_checkpoint
from ..models.declaration import WeakSegmentor, declarations
from .dataset_settings import single_datasets, step_name

# Steps of a pipeline that ask for labels; mmseg leaves LoadAnnotations out itself.
LABEL_STEPS = (
    'LoadClicks',
    'LoadImageTags',
    'LoadPseudoLabels',
    'RasterizeClicks',
    'ListMaskClasses',
    'BinarizeMasks',
)


def stock_form(
    model: Mapping, state: Mapping[str, Tensor], branch: str | None = None
) -> tuple[dict, OrderedDict]:
    """Config and weights of the model that tests as this one does.

    The class of the model says what it is
    (:class:`~mmseg_weak.models.declaration.WeakSegmentor`), and each part of this package
    by an ``as_stock`` of its own; losses of this package become mmseg's cross-entropy,
    which no test asks for.

    Args:
        model (dict): Config of the model.
        state (Mapping[str, Tensor]): Its weights.
        branch (str, optional): One of the class's ``branches``; defaults to the first.

    Returns:
        tuple[dict, OrderedDict]: The weights load strictly.

    Raises:
        ValueError: The model has no such form or no such branch.
    """
    declared = declarations(model)
    branch = branch or declared.branches[0]
    if branch not in declared.branches:
        raise ValueError(
            f'branch must be one of {", ".join(declared.branches)} for a '
            f'{declared.__name__}, got {branch!r}'
        )
    make = _of_mmseg if declared is WeakSegmentor else declared.as_stock
    stock, kept = make(model, state, branch)
    for name, part in stock.items():
        stock[name] = stock_part(part)
        if name in ('decode_head', 'auxiliary_head'):
            for head in part if isinstance(part, list) else [part]:
                _use_stock_loss(head)
    return stock, kept


def stock_part(part: object, registry: Registry = MODELS) -> object:
    """Stock form of a part of a config, itself where it has none."""
    if isinstance(part, list):
        return [stock_part(one, registry) for one in part]
    kind = _kind(part, registry)
    return kind.as_stock(part) if hasattr(kind, 'as_stock') else part


def _of_mmseg(
    model: Mapping, state: Mapping[str, Tensor], branch: str
) -> tuple[dict, OrderedDict]:
    """A segmentor of mmseg is its own stock form; parts of it may be of this package."""
    kind = _kind(model, MODELS)
    if kind is None or not issubclass(kind, BaseSegmentor):
        raise ValueError(
            f'{model.get("type")} cannot be exported: export takes a segmentor of mmseg, '
            'of mmseg_weak or of a plugin of it'
        )
    return copy.deepcopy(dict(model)), OrderedDict(state)


def _use_stock_loss(head: Mapping | None) -> None:
    losses = (head or {}).get('loss_decode', {})
    if any(map(_is_ours, losses if isinstance(losses, list) else [losses])):
        head.pop('loss_decode')


def export_segmentor(
    config: Config, checkpoint: str, out: str, branch: str | None = None
) -> tuple[Path, Path]:
    """Write a stock model, or a branch, as a config and a checkpoint.

    Args:
        config (Config): Config of the training.
        checkpoint (str): Its checkpoint; the tested weights (``state_dict``) are taken.
        out (str): Folder for ``config.py`` and ``segmentor.pth``.
        branch (str, optional): One of the model's branches; defaults to the first.

    Returns:
        tuple[Path, Path]: Both files.

    Raises:
        FileNotFoundError: The checkpoint is absent.
        ValueError: The model cannot be exported, or the checkpoint is damaged.
    """
    init_default_scope(config.get('default_scope', 'mmseg'))
    content = read_checkpoint(checkpoint_file(checkpoint))
    model, exported = config.model.to_dict(), copy.deepcopy(config)
    declared = declarations(model)
    state = content.get('state_dict', content)
    exported.model, state = stock_form(model, state, branch)
    exported.custom_hooks = []
    for name in ('pointwise', 'finite'):
        exported.get('default_hooks', {}).pop(name, None)
    for name in ('val_evaluator', 'test_evaluator'):
        if isinstance(exported.get(name), list):
            exported[name] = [
                metric
                for metric in exported[name]
                if metric['type'] not in declared.own_metrics
            ]
    _keep_test_pipeline(exported)
    if not _needs_plugin(exported):
        _leave_plugin_out(exported)
    meta = {k: v for k, v in content.get('meta', {}).items() if k == 'dataset_meta'}
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    paths = folder / 'config.py', folder / 'segmentor.pth'
    with replace_file(paths[0]) as temporary:
        temporary.write_text(exported.pretty_text, encoding='utf-8')
    with replace_file(paths[1]) as temporary:
        torch.save(dict(meta=meta, state_dict=state), temporary)
    return paths


def _keep_test_pipeline(config: Config) -> None:
    """mmseg's ``inference_model`` looks for the pipeline under a name of its own, and gives
    it a photograph alone: nothing may ask for clicks or tags."""
    dataset = (config.get('test_dataloader') or {}).get('dataset')
    steps = config.get('test_pipeline')
    if steps is None and dataset:
        steps = next(single_datasets(dataset)).get('pipeline', [])
    if steps is None:
        return
    kept = [dict(step) for step in steps if step_name(step) not in LABEL_STEPS]
    for i, step in enumerate(kept):
        if step_name(step) == 'PackWeakSegInputs':
            kept[i] = dict(type='PackSegInputs')
    config.test_pipeline = kept


def _needs_plugin(config: Config) -> bool:
    """Whether the model, or a test of it, has a part of this package."""
    dataset = (config.get('test_dataloader') or {}).get('dataset') or {}
    return (
        any(map(_is_ours, config.model.values()))
        or _is_ours(dataset, DATASETS)
        or any(_is_ours(step, TRANSFORMS) for step in dataset.get('pipeline', ()))
        or any(
            _is_ours(stock_part(metric, METRICS), METRICS) for metric in _metrics(config)
        )
    )


def _kind(part: object, registry: Registry) -> type | None:
    """Class of a part of a config."""
    if not isinstance(part, Mapping) or 'type' not in part:
        return None
    return registry.get(part['type']) if isinstance(part['type'], str) else part['type']


def _is_ours(part: object, registry: Registry = MODELS) -> bool:
    """Whether a part of a config is registered by this package."""
    return getattr(_kind(part, registry), '__module__', '').startswith('mmseg_weak.')


def _metrics(config: Config) -> Iterator[dict]:
    """Metrics of validation and test."""
    for name in ('val_evaluator', 'test_evaluator'):
        metrics = config.get(name) or []
        yield from metrics if isinstance(metrics, list) else [metrics]


def _leave_plugin_out(config: Config) -> None:
    """Nothing that a test of stock parts builds may need ``mmseg_weak``."""
    config.pop('custom_imports', None)
    parts = dict(val_evaluator=METRICS, test_evaluator=METRICS, visualizer=VISUALIZERS)
    for name, registry in parts.items():
        if config.get(name):
            config[name] = stock_part(config[name], registry)
