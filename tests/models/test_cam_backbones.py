"""CAMSegmentor on mmseg's own backbones: one iteration, validation, both metrics."""

import warnings

import pytest
import torch
from mmengine.runner import Runner
from mmseg.registry import MODELS
from toy import CLASSES, toy_config, toy_model

SMALL_HRNET = {
    f'stage{i}': dict(
        num_modules=1,
        num_branches=i,
        block='BOTTLENECK' if i == 1 else 'BASIC',
        num_blocks=(1,) * i,
        num_channels=(64,) if i == 1 else tuple(8 * 2**k for k in range(i)),
    )
    for i in (1, 2, 3, 4)
}
BN = dict(type='BN')
BACKBONES = [
    dict(type='ResNet', depth=18, base_channels=8, norm_cfg=BN),
    dict(type='ResNetV1c', depth=18, base_channels=8, stem_channels=8, norm_cfg=BN),
    dict(type='ResNeXt', depth=50, base_channels=8, groups=4, base_width=4, norm_cfg=BN),
    dict(type='HRNet', extra=SMALL_HRNET, norm_cfg=BN),
    dict(type='MobileNetV2', widen_factor=0.25, out_indices=(1, 2, 4, 6), norm_cfg=BN),
    dict(type='MobileNetV3', arch='small', out_indices=(0, 1, 12), norm_cfg=BN),
    dict(type='UNet', base_channels=4, norm_cfg=BN),
    dict(type='FastSCNN', norm_cfg=BN),
    dict(type='ERFNet', norm_cfg=BN),
    dict(type='CGNet', num_channels=(8, 16, 32), num_blocks=(1, 1), norm_cfg=BN),
    dict(type='MixVisionTransformer', embed_dims=8, num_layers=[1] * 4, num_heads=[1] * 4),
    dict(type='SwinTransformer', embed_dims=12, depths=(1,) * 4, num_heads=(1,) * 4),
    dict(
        type='VisionTransformer',
        img_size=(64, 64),
        embed_dims=24,
        num_layers=2,
        num_heads=2,
        out_indices=-1,
    ),
]


def last_channels(backbone):
    """Channels of the last feature map, found by looking."""
    with torch.no_grad(), torch.random.fork_rng():
        network = MODELS.build(backbone)
        network.eval()  # some of mmseg's return nothing here
        features = network(torch.zeros(1, 3, 64, 64))
    return features[-1].shape[1]


def cam_config(toy_root, work_dir, backbone, **changes):
    model = dict(toy_model(), type='CAMSegmentor', backbone=backbone)
    model['data_preprocessor']['size'] = (64, 64)
    model['decode_head'] = dict(
        type='CAMHead', in_channels=last_channels(backbone), num_classes=len(CLASSES)
    )
    model['test_cfg'] = dict(scales=(1.0, 0.5), flip=True)
    config = toy_config(toy_root, work_dir, model, max_iters=1, **changes)
    data = config.train_dataloader.dataset
    data.type = 'ImageTagDataset'
    data.pipeline = [
        dict(type='LoadImageFromFile'),
        dict(type='LoadImageTags'),
        dict(type='RandomCrop', crop_size=(64, 64)),
        dict(type='RandomFlip', prob=0.5),
        dict(type='PackWeakSegInputs'),
    ]
    config.train_dataloader.batch_size = 2
    config.val_evaluator = [dict(type='IoUMetric'), dict(type='TagMetric')]
    config.custom_hooks = [dict(type='ClassCheckHook'), dict(type='IterationSeedHook')]
    return config


@pytest.mark.parametrize('backbone', BACKBONES, ids=lambda backbone: backbone['type'])
def test_trains_and_validates(backbone, toy_root, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        runner = Runner.from_cfg(cam_config(toy_root, tmp_path, backbone))
        before = [p.detach().clone() for p in runner.model.parameters()]
        runner.train()
    assert 0 < runner.message_hub.get_scalar('train/loss').current() < 10
    changed = [bool((a != b).any()) for a, b in zip(before, runner.model.parameters())]
    assert changed[-1] and sum(changed) > len(changed) / 3, 'the backbone learns as well'
    assert 0 <= runner.message_hub.get_scalar('val/mIoU').current() <= 100
    assert 0 <= runner.message_hub.get_scalar('val/tags/mAP').current() <= 100
