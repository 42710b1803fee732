"""A trained model as a stock one, or one branch of a pair as a model of its own."""

import copy
import os
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.registry import Registry
from mmengine.runner import CheckpointLoader
from mmseg.registry import DATASETS, MODELS, TRANSFORMS
from torch import Tensor

from .._files import replace_file
from ..models.segmentors.mutual_promotion import POOLING

SEGMENTOR = 'MutualPromotionSegmentor'
# Models that test as a stock one does, and what only their training needs.
STOCK_TYPES = dict(
    SeminarSegmentor='EncoderDecoder',
    CascadeSeminarSegmentor='CascadeEncoderDecoder',
    PredictionTransferSegmentor='EncoderDecoder',
    CascadePredictionTransferSegmentor='CascadeEncoderDecoder',
)
TRAINING_OPTIONS = (
    'consistency',
    'pseudo_label',
    'prediction_network',
    'phase',
    'adversarial_weight',
    'ramp_ratio',
    'stride',
    'background',
)
OWN_OPTIONS = (
    'cam_head',
    'affinity_head',
    'affinity_loss',
    'gate',
    'schedule',
    'labels',
    'supervision',
    'reuse_features',
)
EXPORTED = ('segmentation', 'cam')
BRANCHES = ('cam_head.', 'affinity_head.')
BRANCH_METRICS = ('CAMIoUMetric', 'TagMetric')
CLASSIFIER = 'cam_head.classifier.weight'


def stock_model(model: Mapping) -> dict:
    """Config of mmseg's ``EncoderDecoder`` that tests as this model does.

    Args:
        model (dict): Config of a ``SeminarSegmentor``, a ``PredictionTransferSegmentor`` or
            a cascade of them, or of a ``MutualPromotionSegmentor``, of which the
            segmentation branch is taken.

    Returns:
        dict: With a gate, its neck is :class:`~mmseg_weak.models.mutual_promotion.gate.\
CAMGate` and ``mmseg_weak`` has to be imported; without it every part is mmseg's own, so
        far as backbone and decode head are.

    Raises:
        ValueError: The model is another, or has a gate and a neck.
    """
    if model.get('type') in STOCK_TYPES:
        return _without_training(model)
    if model.get('type') != SEGMENTOR:
        raise ValueError(
            f'export needs a {SEGMENTOR}, a {" or a ".join(STOCK_TYPES)}, got '
            f'{model.get("type")}'
        )
    stock = dict(_shared_parts(model), type='EncoderDecoder')
    if stock['decode_head']['type'] == 'LeanSegformerHead':
        stock['decode_head']['type'] = 'SegformerHead'
    _use_stock_preprocessor(stock)
    if model.get('gate', True):
        if stock.get('neck') is not None:
            raise ValueError(
                'a gate behind a neck cannot be exported; train with gate=False'
            )
        head = model['cam_head']
        channels, index = head['in_channels'], head.get('in_index', -1)
        stock['neck'] = dict(
            type='CAMGate',
            in_channels=channels if isinstance(channels, int) else channels[index],
            num_foreground=head['num_classes'] - 1,
            in_index=index,
        )
    return stock


def _without_training(model: Mapping) -> dict:
    """The stock model whose weights these are, with stock losses."""
    kept = {k: copy.deepcopy(v) for k, v in model.items() if k not in TRAINING_OPTIONS}
    stock = dict(kept, type=STOCK_TYPES[model['type']])
    _use_stock_preprocessor(stock)
    for name in ('decode_head', 'auxiliary_head'):
        heads = stock.get(name) or []
        for head in heads if isinstance(heads, list) else [heads]:
            losses = head.get('loss_decode', {})
            if any(map(_is_ours, losses if isinstance(losses, list) else [losses])):
                head.pop('loss_decode')  # mmseg's cross-entropy, which no test asks for
    return stock


def _use_stock_preprocessor(stock: dict) -> None:
    preprocessor = stock.get('data_preprocessor') or {}
    if preprocessor.get('type') == 'WeakSegDataPreProcessor':
        preprocessor['type'] = 'SegDataPreProcessor'
        preprocessor.pop('channels_last', None)


def cam_model(model: Mapping) -> dict:
    """Config of a ``CAMSegmentor`` for the classification branch.

    Args:
        model (dict): Config of a ``MutualPromotionSegmentor``.

    Returns:
        dict: The ``cam_head`` is its decode head.

    Raises:
        ValueError: The model is another.
    """
    if model.get('type') != SEGMENTOR:
        raise ValueError(
            f'only a {SEGMENTOR} has a branch of CAMs, got {model.get("type")}'
        )
    head = copy.deepcopy(model['cam_head'])
    head.setdefault('pooling', POOLING)
    parts = _shared_parts(model)
    return dict(parts, type='CAMSegmentor', decode_head=head, test_cfg=dict())


def _shared_parts(model: Mapping) -> dict:
    """What mmseg knows of the model, its encoder as mmseg has it."""
    shared = {k: copy.deepcopy(v) for k, v in model.items() if k not in OWN_OPTIONS}
    backbone = shared['backbone']
    if backbone['type'] == 'AttentionMixVisionTransformer':
        backbone['type'] = 'MixVisionTransformer'
        backbone.setdefault('strides', (4, 2, 2, 1))
        for option in ('num_exposed', 'freeze_norms'):
            backbone.pop(option, None)
    return shared


def cam_state(state: Mapping[str, Tensor]) -> OrderedDict:
    """Weights of the classification branch under the names of :func:`cam_model`."""
    left_out = ('decode_head.', 'affinity_head.')
    return OrderedDict(
        (k.replace('cam_head.', 'decode_head.', 1), v)
        for k, v in state.items()
        if not k.startswith(left_out)
    )


def stock_state(state: Mapping[str, Tensor], gate: bool) -> OrderedDict:
    """Weights of the segmentation branch under the names of :func:`stock_model`.

    Args:
        state (Mapping[str, Tensor]): Weights of a ``MutualPromotionSegmentor``.
        gate (bool): Whether it has a gate.

    Returns:
        OrderedDict: Weights that load strictly.

    Raises:
        ValueError: The classifier of the gate is missing.
    """
    kept = OrderedDict((k, v) for k, v in state.items() if not k.startswith(BRANCHES))
    if gate:
        if CLASSIFIER not in state:
            raise ValueError(f'the checkpoint has no {CLASSIFIER}, which the gate needs')
        kept['neck.classifier.weight'] = state[CLASSIFIER]
    return kept


def export_segmentor(
    config: Config, checkpoint: str, out: str, branch: str = 'segmentation'
) -> tuple[Path, Path]:
    """Write a stock model, or a branch, as a config and a checkpoint.

    Args:
        config (Config): Config of the training.
        checkpoint (str): Its checkpoint; the tested weights (``state_dict``) are taken.
        out (str): Folder for ``config.py`` and ``segmentor.pth``.
        branch (str): ``segmentation`` or, of mutual promotion, ``cam``. Defaults to
            ``segmentation``.

    Returns:
        tuple[Path, Path]: Both files.

    Raises:
        FileNotFoundError: The checkpoint is absent.
        ValueError: The model cannot be exported.
    """
    if branch not in EXPORTED:
        raise ValueError(f'branch must be one of {EXPORTED}, got {branch!r}')
    if not os.path.isfile(checkpoint):
        raise FileNotFoundError(f'checkpoint {checkpoint} does not exist')
    content = CheckpointLoader.load_checkpoint(checkpoint, map_location='cpu')
    state = content.get('state_dict', content)
    model, exported = config.model.to_dict(), copy.deepcopy(config)
    if branch == 'cam':
        exported.model, state = cam_model(model), cam_state(state)
    else:
        exported.model = stock_model(model)
        if model['type'] == SEGMENTOR:
            state = stock_state(state, model.get('gate', True))
    exported.custom_hooks = []
    exported.get('default_hooks', {}).pop('pointwise', None)
    for name in ('val_evaluator', 'test_evaluator'):
        metrics = exported.get(name)
        if isinstance(metrics, list):  # the others compare both branches
            exported[name] = [m for m in metrics if m['type'] not in BRANCH_METRICS]
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


def _needs_plugin(config: Config) -> bool:
    """Whether the model, or a test of it, has a part of this package."""
    dataset = (config.get('test_dataloader') or {}).get('dataset') or {}
    return (
        any(map(_is_ours, config.model.values()))
        or _is_ours(dataset, DATASETS)
        or any(_is_ours(step, TRANSFORMS) for step in dataset.get('pipeline', ()))
        or any(metric.get('scored_classes') for metric in _strong_weak_metrics(config))
    )


def _is_ours(part: object, registry: Registry = MODELS) -> bool:
    """Whether a part of a config is registered by this package."""
    if not isinstance(part, Mapping) or 'type' not in part:
        return False
    kind = registry.get(part['type'])
    return kind is not None and kind.__module__.startswith('mmseg_weak.')


def _strong_weak_metrics(config: Config) -> list[dict]:
    """The metrics that tell strong and weak classes apart."""
    found = [config.get(name) or [] for name in ('val_evaluator', 'test_evaluator')]
    metrics = [m for one in found for m in (one if isinstance(one, list) else [one])]
    return [metric for metric in metrics if metric['type'] == 'StrongWeakIoUMetric']


def _leave_plugin_out(config: Config) -> None:
    """Nothing that a test of stock parts builds may need ``mmseg_weak``."""
    config.pop('custom_imports', None)
    for metric in _strong_weak_metrics(config):
        metric['type'] = 'IoUMetric'
        for name in ('strong_classes', 'weak_classes', 'split', 'full_result'):
            metric.pop(name, None)
    if config.get('visualizer', {}).get('type') == 'WeakSegLocalVisualizer':
        config.visualizer.type = 'SegLocalVisualizer'
