"""CAMs and mutual promotion on mmseg's own models: one step, one prediction."""

import copy
import warnings

import pytest
import torch
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from test_stock_models import STOCK, stock_model
from toy_mutual import set_iteration, total

COMPILED, ELSEWHERE = 'compiled operators of mmcv', 'parts of mmpretrain'
# Cannot be tried here, and why.
LEFT_OUT = {
    'ccnet_r50-d8': COMPILED,
    'psanet_r50-d8': COMPILED,
    'pointrend_r50': COMPILED,
    'fpn_poolformer_s12': ELSEWHERE,
    'upernet_convnext': ELSEWHERE,
    'lraspp_m-v3-d8': 'larger images',
    'san_vit-b16': 'CLIP and masks of its own',
    'vpd_sd': 'depth instead of classes',
}
# Refused when the model is built.
REFUSED = {
    'upernet_beit': 'one size only',
    'upernet_mae': 'one size only',
    'ocrnet_hr18': 'one decode head: of a cascade',
    'ocrnet_r50-d8': 'one decode head: of a cascade',
}
REFUSED_MUTUAL = REFUSED | {'dpt_vit-b16': 'hands on class tokens'}
QUICK = {
    'bisenetv2',
    'deeplabv3plus_r50-d8',
    'fast_scnn',
    'fcn_hr18',
    'fpn_r50',
    'ocrnet_r50-d8',
    'segformer_mit-b0',
    'stdc',
}
FAMILIES = sorted({path.stem for path in STOCK.glob('*.py')} - LEFT_OUT.keys())
SIZE = 64
PARAMS = [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in FAMILIES]


def small_model(name):
    """The stock model, its position tables of the size of the pictures."""
    model = stock_model(name)
    backbone, neck = model['backbone'], model.get('neck') or {}
    if 'img_size' in backbone:
        backbone['img_size'] = (SIZE, SIZE)
    if neck.get('type') == 'JPU':  # its widths do not shrink with the others
        neck.update(in_channels=(128, 256, 512), mid_channels=128)
    model.pop('auxiliary_head', None)
    return model


def cam_channels(model):
    """Channels of the last feature map, found by looking."""
    with torch.no_grad(), torch.random.fork_rng():
        features = torch.zeros(1, 3, SIZE, SIZE)
        for name in ('backbone', 'neck'):
            if model.get(name):
                part = MODELS.build(model[name])
                part.eval()  # some of mmseg's return nothing here
                features = part(features)
    last = features if torch.is_tensor(features) else features[-1]
    return (last if torch.is_tensor(last) else last[0]).shape[1]


def tagged(count=2):
    samples = []
    for i in range(count):
        sample = SegDataSample()
        shape = (SIZE, SIZE)
        sample.set_metainfo(
            dict(image_classes=(1 + i % 2,), img_shape=shape, ori_shape=shape)
        )
        samples.append(sample)
    return samples


def cam_config(name):
    model = copy.deepcopy(small_model(name))
    head = dict(type='CAMHead', in_channels=cam_channels(model), num_classes=3)
    test_cfg = dict(scales=(1.0, 0.5), flip=True)
    return model | dict(type='CAMSegmentor', decode_head=head, test_cfg=test_cfg)


def mutual_config(name):
    model = copy.deepcopy(small_model(name))
    head = dict(type='CAMHead', in_channels=cam_channels(model), num_classes=3)
    return model | dict(
        type='MutualPromotionSegmentor',
        cam_head=head,
        schedule=dict(segmentation_start=0, propagation_start=1),
        labels=dict(dilations=(1, 2), num_iters=2),
    )


def learns(config, expected):
    torch.manual_seed(0)
    set_iteration(2)
    segmentor = MODELS.build(config)
    inputs = torch.randn(2, 3, SIZE, SIZE)
    losses = segmentor.train()(inputs, tagged(), mode='loss')
    assert expected <= losses.keys()
    loss = total(losses)
    assert loss.isfinite() and loss > 0
    loss.backward()
    reached = [p.grad for p in segmentor.backbone.parameters() if p.grad is not None]
    assert any(gradient.abs().max() > 0 for gradient in reached)
    assert all(gradient.isfinite().all() for gradient in reached)
    found = segmentor.eval()(inputs[:1], tagged(1), mode='predict')[0]
    assert found.pred_sem_seg.shape == (SIZE, SIZE)


def refused_or_learns(name, config, refused, expected):
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        if name not in refused:
            return learns(config, expected)
        with pytest.raises(ValueError, match=refused[name]) as error:
            MODELS.build(config)
        assert '\n' not in str(error.value)


@pytest.mark.parametrize('name', PARAMS)
def test_tags_teach_a_cam(name):
    refused_or_learns(name, cam_config(name), REFUSED, {'decode.loss_tags'})


@pytest.mark.parametrize('name', PARAMS)
def test_branches_promote_each_other(name):
    expected = {'loss_cls', 'loss_c2s'}
    refused_or_learns(name, mutual_config(name), REFUSED_MUTUAL, expected)


TWO_BRANCHES = {
    'DDRNet': dict(type='DDRNet', channels=4, ppm_channels=8),
    'PIDNet': dict(type='PIDNet', channels=4, ppm_channels=8),
}


@pytest.mark.parametrize('kind', TWO_BRANCHES)
def test_outputs_of_training_alone(kind):
    """What a CAM learns from must be what it is made of."""
    config = copy.deepcopy(small_model('fpn_r50'))
    config.pop('neck')
    channels = 16
    config.update(type='CAMSegmentor', backbone=TWO_BRANCHES[kind])
    head = dict(type='CAMHead', in_channels=channels, num_classes=3)
    with pytest.raises(ValueError, match=f'{kind} gives one output in inference'):
        MODELS.build(config | dict(decode_head=head | dict(in_index=0)))
    learns(config | dict(decode_head=head | dict(in_index=1)), {'decode.loss_tags'})
    decode = small_model('fcn_r50-d8')['decode_head']
    mutual = config | dict(
        type='MutualPromotionSegmentor', decode_head=decode, cam_head=head
    )
    with pytest.raises(ValueError, match=f'{kind} gives other outputs in training'):
        MODELS.build(mutual)


@pytest.mark.parametrize('kind', ['BEiT', 'MAE'])
def test_position_tables_of_one_size(kind):
    config = copy.deepcopy(small_model('fpn_r50'))
    config.pop('neck')
    small = dict(img_size=(SIZE, SIZE), embed_dims=8, num_layers=1, num_heads=1)
    backbone = dict(type=kind, out_indices=(0,), **small)
    head = dict(type='CAMHead', in_channels=8, num_classes=3)
    config.update(type='CAMSegmentor', backbone=backbone, decode_head=head)
    with pytest.raises(ValueError, match=f'{kind} takes images of one size only'):
        MODELS.build(config)
