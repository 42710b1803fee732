"""Clicks, partial cross-entropy and the EMA teacher in mmseg's own models."""

from pathlib import Path

import mmseg
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from mmengine.structures import PixelData
from mmseg.registry import MODELS as Registered
from mmseg.structures import SegDataSample
from toy import toy_config, toy_model

STOCK = Path(mmseg.__file__).parent / '.mim' / 'configs' / '_base_' / 'models'
MODELS = [
    'fcn_r50-d8',
    'pspnet_r50-d8',
    'deeplabv3_r50-d8',
    'deeplabv3plus_r50-d8',
    'upernet_r50',
    'ocrnet_r50-d8',
    'fpn_r50',
    'danet_r50-d8',
    'encnet_r50-d8',
    'segformer_mit-b0',
    'fast_scnn',
    'bisenetv2',
    'stdc',
    'fcn_unet_s5-d16',
]


def shrink(node, small_resnet):
    """The stock config for 3 classes, without pre-training, with partial cross-entropy."""
    if isinstance(node, list):
        return [shrink(item, small_resnet) for item in node]
    if not isinstance(node, dict):
        return node
    node = {key: shrink(value, small_resnet) for key, value in node.items()}
    if node.get('type') == 'SyncBN':
        node['type'] = 'BN'
    if small_resnet:
        for key in ('in_channels', 'c1_in_channels', 'out_channels'):
            value = node.get(key)
            if isinstance(value, list):
                node[key] = [v // 4 for v in value]
            elif isinstance(value, int) and value in (256, 512, 1024, 2048):
                node[key] = value // 4
        if isinstance(node.get('depth'), int):
            node['depth'] = 18
    if 'loss_decode' in node:
        losses = node['loss_decode']
        weights = (
            [loss.get('loss_weight', 1.0) for loss in losses]
            if isinstance(losses, list)
            else [losses.get('loss_weight', 1.0)]
        )
        node['loss_decode'] = dict(type='PartialCrossEntropyLoss', loss_weight=weights[0])
        node['num_classes'] = 3
        node.pop('sampler', None)
    if node.get('type') == 'STDCHead':
        # Its loss learns object boundaries, which clicks do not have.
        return None
    return node


def stock_model(name):
    path = STOCK / f'{name}.py'
    if not path.is_file():
        pytest.skip(f'this toolbox release does not ship {name}')
    model = Config.fromfile(path).model.to_dict()
    small_resnet = model['backbone'].get('depth') == 50
    model = shrink(model, small_resnet)
    if isinstance(model.get('auxiliary_head'), list):
        model['auxiliary_head'] = [head for head in model['auxiliary_head'] if head]
    model.pop('pretrained', None)
    model['test_cfg'] = dict(mode='whole')
    model['backbone'].pop('init_cfg', None)
    model['data_preprocessor'] = dict(
        type='SegDataPreProcessor',
        mean=[127.5] * 3,
        std=[60.0] * 3,
        size=(64, 64),
        seg_pad_val=255,
    )
    return model


@pytest.mark.parametrize('name', MODELS)
def test_trains_validates_and_resumes(name, toy_root, tmp_path):
    torch.manual_seed(0)
    model = stock_model(name)
    config = toy_config(toy_root, tmp_path, model, max_iters=1)
    config.train_dataloader.batch_size = 2
    config.train_dataloader.dataset.pipeline[2].crop_size = (64, 64)
    first = Runner.from_cfg(config)
    first.train()
    loss = first.message_hub.get_scalar('train/loss').current()
    assert 0 < loss < 100
    assert 0 <= first.message_hub.get_scalar('val/mIoU').current() <= 100

    config.train_cfg.max_iters = config.train_cfg.val_interval = 2
    config.merge_from_dict(dict(resume=True, load_from=str(tmp_path / 'iter_1.pth')))
    config.experiment_name += '_resumed'
    second = Runner.from_cfg(config)
    second.train()
    assert second.iter == 2
    saved = torch.load(tmp_path / 'iter_2.pth', map_location='cpu', weights_only=False)
    assert int(saved['ema_state_dict']['steps']) == 2
    assert set(saved['state_dict']) == set(first.model.state_dict())


def head(type_, **options):
    return dict(
        dict(
            type=type_,
            in_channels=16,
            channels=8,
            num_classes=3,
            norm_cfg=dict(type='BN'),
            align_corners=False,
            loss_decode=dict(type='PartialCrossEntropyLoss'),
        ),
        **options,
    )


@pytest.mark.parametrize(
    'changed, message',
    [
        (dict(decode_head=head('DDRHead')), 'decode_head, a DDRHead: .*list of two'),
        (dict(decode_head=head('PIDHead')), 'decode_head, a PIDHead: .* clicks do not'),
        (dict(auxiliary_head=head('STDCHead', boundary_threshold=0.1)), 'a STDCHead: it'),
    ],
)
def test_heads_that_cannot_learn_from_clicks_are_refused(
    changed, message, toy_root, tmp_path
):
    config = toy_config(toy_root, tmp_path, toy_model() | changed, max_iters=1)
    with pytest.raises(ValueError, match=message):
        Runner.from_cfg(config).train()


def test_knet_learns_from_clicks_and_teacher():
    """Its head keeps the losses of its stages in them."""
    kernel = dict(
        type='KernelUpdateHead',
        num_classes=3,
        num_ffn_fcs=2,
        num_heads=2,
        num_mask_fcs=1,
        feedforward_channels=8,
        in_channels=8,
        out_channels=8,
        dropout=0.0,
        conv_kernel_size=1,
        ffn_act_cfg=dict(type='ReLU', inplace=True),
        with_ffn=True,
        feat_transform_cfg=dict(conv_cfg=dict(type='Conv2d'), act_cfg=None),
        kernel_updator_cfg=dict(
            type='KernelUpdator',
            in_channels=8,
            feat_channels=8,
            out_channels=8,
            act_cfg=dict(type='ReLU', inplace=True),
            norm_cfg=dict(type='LN'),
        ),
    )
    decode = dict(
        type='IterativeDecodeHead',
        num_stages=1,
        kernel_update_head=[kernel],
        kernel_generate_head=head('FCNHead', in_index=1, num_convs=1, concat_input=False),
    )
    consistency = dict(type='TeacherConsistency', loss=dict(type='PixelConsistencyLoss'))
    config = toy_model(consistency=consistency) | dict(decode_head=decode)
    model, teacher = Registered.build(config), Registered.build(config).eval()
    model.set_teacher(teacher)
    losses = model(torch.randn(2, 3, 48, 48), [clicked(48)] * 2, mode='loss')
    found = {name: value for name, value in losses.items() if 'loss' in name}
    stages = {'decode.loss_pce.s0', 'decode.loss_pce.s1'}
    assert found.keys() == stages | {'loss_consistency'} and min(found.values()) > 0
    sum(found.values()).backward()
    update = model.decode_head.kernel_update_head[0]
    assert any(p.grad is not None and p.grad.abs().max() > 0 for p in update.parameters())


def clicked(size):
    labels = torch.full((1, size, size), 255)
    labels[0, 5, 7], labels[0, 20, 30] = 1, 2
    sample = SegDataSample(gt_sem_seg=PixelData(data=labels))
    sample.set_metainfo(dict(image_classes=(1, 2), img_shape=(size, size)))
    return sample
