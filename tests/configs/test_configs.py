"""Every shipped config builds: model, data, hooks, optimiser, schedule."""

import copy

import pytest
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.optim import OptimWrapperDict, build_optim_wrapper
from mmseg.registry import DATASETS, HOOKS, METRICS, MODELS, PARAM_SCHEDULERS
from toy import REPOSITORY

from mmseg_weak.apis.export_segmentor import stock_form
from mmseg_weak.apis.launch import without_sync_norm
from mmseg_weak.datasets.class_splits import StrongWeakClasses
from mmseg_weak.models.declaration import declarations

CONFIGS = sorted(
    path.relative_to(REPOSITORY / 'configs').as_posix()
    for path in (REPOSITORY / 'configs').glob('*/*.py')
    if path.parent.name != '_base_' and not path.name.startswith('stages_')
)


def test_configs_are_found():
    assert len(CONFIGS) >= 8


def fake_data(dataset, root):
    """Point a data set to empty files: some of mmseg's check them when built."""
    if 'datasets' in dataset:
        inner = [fake_data(one, root) for one in dataset.datasets]
        return dict(dataset, datasets=inner, lazy_init=True)
    if 'dataset' in dataset:  # wrappers
        return dict(dataset, dataset=fake_data(dataset.dataset, root), lazy_init=True)
    for path in (dataset.ann_file, *dataset.data_prefix.values()):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
    for folder in dataset.data_prefix.values():
        (root / folder).mkdir(exist_ok=True)
    (root / dataset.ann_file).touch()
    return dict(dataset, data_root=str(root), lazy_init=True)


def offline(name):
    """A config for one process; of a model on the hub its sizes alone."""
    config = without_sync_norm(Config.fromfile(REPOSITORY / 'configs' / name))
    if config.model.backbone.type == 'TransformersBackbone':
        pytest.importorskip('transformers', reason='transformers is not installed')
        assert config.model.backbone.model == 'facebook/dinov2-small'
        settings = dict(model_type='dinov2', hidden_size=384, num_attention_heads=6)
        config.model.backbone.model = settings
    return config


@pytest.mark.parametrize('name', CONFIGS)
def test_builds(name, tmp_path):
    config = offline(name)
    assert config.custom_imports.imports == ['mmseg_weak']
    model = MODELS.build(copy.deepcopy(config.model))
    optimizer = build_optim_wrapper(model, copy.deepcopy(config.optim_wrapper))
    for hook in [*config.custom_hooks, *config.default_hooks.values()]:
        HOOKS.build(copy.deepcopy(hook))
    several = isinstance(optimizer, OptimWrapperDict)
    for one in optimizer.values() if several else [optimizer]:
        for schedule in config.param_scheduler:
            PARAM_SCHEDULERS.build(dict(schedule, optimizer=one))
    classes = {model.decode_head.num_classes}
    for split in ('train', 'val', 'test'):
        if config[f'{split}_dataloader'] is None:  # an affinity network has no test
            continue
        dataset = copy.deepcopy(config[f'{split}_dataloader'].dataset)
        built = DATASETS.build(fake_data(dataset, tmp_path))
        classes.add(len(built.metainfo['classes']))
    assert len(classes) == 1, 'model and data sets have as many classes'
    metrics = copy.deepcopy(config.test_evaluator) or []
    for metric in metrics if isinstance(metrics, list) else [metrics]:
        metric = METRICS.build(metric)
        if hasattr(metric, 'lists'):  # of strong and weak classes
            StrongWeakClasses.resolve(built.metainfo['classes'], *metric.lists)
            assert set(metric.scored_classes or ()) <= set(built.metainfo['classes'])
    if 'tta_pipeline' in config:
        Compose(config.tta_pipeline)
        MODELS.build(dict(config.tta_model, module=copy.deepcopy(config.model)))


@pytest.mark.parametrize('name', CONFIGS)
def test_checkpoint_keys_are_those_of_the_stock_model(name):
    config = offline(name)
    ours = MODELS.build(copy.deepcopy(config.model))
    state = ours.state_dict()
    if declarations(ours).stock_type:
        plain, state = stock_form(config.model.to_dict(), state)
        assert plain['type'] in ('EncoderDecoder', 'CascadeEncoderDecoder')
    else:
        plain = config.model
        plain.data_preprocessor.type = 'SegDataPreProcessor'
        plain.data_preprocessor.pop('channels_last', None)
    MODELS.build(plain).load_state_dict(state, strict=True)


def test_configs_of_one_data_set_validate_on_the_same_files():
    """Their masks are where the converter that the documentation names writes them."""
    places = {}
    for name in CONFIGS:
        config = Config.fromfile(REPOSITORY / 'configs' / name)
        if config.val_dataloader is None or 'coco14' not in name:
            continue
        dataset = config.val_dataloader.dataset
        places[name] = (dataset.ann_file, dataset.data_prefix.seg_map_path)
    assert set(places.values()) == {('val2014_masks/val.txt', 'val2014_masks/masks')}


def test_published_classifier_drops_half_of_the_channels():
    name = 'sub_category/cam_r38_1xb16-40k_voc12-224x224.py'
    head = Config.fromfile(REPOSITORY / 'configs' / name).model.decode_head
    assert MODELS.build(head).dropout.p == 0.5


@pytest.mark.parametrize('split', [None, 'voc-2', 'pascal-5i-3'])
def test_a_split_is_chosen_by_the_environment(split, monkeypatch):
    """Training, validation and test follow; without it the first published split."""
    monkeypatch.delenv('SPLIT', raising=False)
    if split:
        monkeypatch.setenv('SPLIT', split)
    name = 'transfer/pnet_largefov_vgg16_1xb30-10k_voc12-321x321.py'
    config = Config.fromfile(REPOSITORY / 'configs' / name)
    chosen = {config.train_dataloader.dataset.split, config.val_evaluator.split}
    assert {*chosen, config.test_evaluator.split} == {split or 'voc-1'}


def test_the_other_direction_of_voc_animals(monkeypatch):
    monkeypatch.setenv('SPLIT', 'ccs')
    path = 'transfer/seg_fpn_efficientnet-lite0_1xb8-1500_voc-animals-160x160.py'
    config = Config.fromfile(REPOSITORY / 'configs' / path)
    for part in (config.train_dataloader.dataset, config.val_evaluator):
        assert part.strong_classes == ['cat', 'cow', 'sheep']
        assert part.weak_classes == ['dog', 'horse', 'person']


@pytest.mark.parametrize('name', CONFIGS)
def test_weights_load_without_a_package_that_is_not_required(name):
    """``torchvision://`` and ``open-mmlab://`` ask for packages beside the toolbox."""
    text = Config.fromfile(REPOSITORY / 'configs' / name).pretty_text
    assert 'torchvision://' not in text


@pytest.mark.parametrize('name', [None, 'msrc21', 'weeds'])
@pytest.mark.parametrize('method', ['pce', 'full', 'labels'])
def test_a_small_set_is_chosen_by_the_environment(method, name, monkeypatch):
    """Training, validation and the number of classes follow."""
    monkeypatch.delenv('SET', raising=False)
    if name:
        monkeypatch.setenv('SET', name)
    path = f'seminar/{method}_fpn_efficientnet-lite0_1xb8-600_small-sets-160x160.py'
    config = Config.fromfile(REPOSITORY / 'configs' / path)
    sets = [config[f'{split}_dataloader'].dataset for split in ('train', 'val', 'test')]
    assert {one.data_root for one in sets} == {f'data/{name or "nuclei"}'}
    assert {len(one.metainfo.classes) for one in sets} == {
        dict(msrc21=21, weeds=3).get(name, 2),
        config.model.decode_head.num_classes,
    }
