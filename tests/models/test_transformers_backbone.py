"""Backbones of transformers against the library itself, with tiny random weights."""

import copy
import re
import socket
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.runner import load_checkpoint, save_checkpoint
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

import mmseg_weak.models  # noqa: F401
from mmseg_weak._transformers import read_pretrained
from mmseg_weak.models.backbones import TransformersBackbone

VIT = dict(
    hidden_size=16,
    num_hidden_layers=3,
    num_attention_heads=2,
    image_size=42,
    patch_size=14,
)
PYRAMID = dict(embed_dim=8, depths=[1, 1, 1], num_heads=[1, 2, 2], image_size=32)
CONVOLUTIONS = dict(hidden_sizes=[8, 8, 16, 16], depths=[1, 1, 1, 1])
# model_type: settings, stages, and what sides are divided by.
FAMILIES = dict(
    dinov2=(VIT, (1, 3), 14),
    dinov2_with_registers=(dict(VIT, num_register_tokens=2), (2, 3), 14),
    dinov3_vit=(dict(VIT, patch_size=16, intermediate_size=16), (1, 3), 16),
    dinov3_convnext=(CONVOLUTIONS, (1, 2, 3, 4), 32),
    swin=(dict(PYRAMID, window_size=2), (1, 2, 3), 16),
    convnext=(CONVOLUTIONS, (1, 4), 32),
    hiera=(dict(PYRAMID, depths=[1, 1, 1, 1], num_heads=[1, 1, 2, 2]), (1, 4), None),
    beit=(dict(VIT, use_relative_position_bias=True), (1, 3), 14),
)
SIZES = ((56, 28), (33, 50))


@pytest.fixture
def offline(monkeypatch):
    """Fail any test that opens a connection."""

    def connect(*_):
        raise AssertionError('a connection is opened')

    monkeypatch.setattr(socket.socket, 'connect', connect)
    monkeypatch.setattr(socket, 'getaddrinfo', connect)


@pytest.fixture(scope='module')
def library():
    return pytest.importorskip('transformers', reason='transformers is not installed')


@pytest.fixture(scope='module')
def folder(library, tmp_path_factory):
    """Folder of a family's model, saved by the library; all weights are random."""

    def save(kind):
        path = tmp_path_factory.getbasetemp() / f'foundation-{kind}'
        if not path.exists():
            settings = dict(FAMILIES[kind][0])
            if kind == 'hiera':
                settings['image_size'] = [32, 64]
            config = library.AutoConfig.for_model(kind, **settings)
            torch.manual_seed(0)
            model = library.AutoModel.from_config(config)
            for weight in model.parameters():
                torch.nn.init.normal_(weight, 0, 0.2)
            model.save_pretrained(path)
        return str(path)

    return save


def reference(library, path, stages):
    """The library's own backbone with the weights of a folder."""
    config = library.AutoConfig.from_pretrained(path)
    config.out_indices = list(stages)
    kind = library.AutoBackbone._model_mapping[type(config)]
    return kind.from_pretrained(path, config=config, local_files_only=True).eval()


@pytest.mark.parametrize('kind', FAMILIES)
def test_maps_are_those_of_the_library(library, folder, offline, kind):
    _, stages, divisor = FAMILIES[kind]
    backbone = MODELS.build(
        dict(type='TransformersBackbone', model=folder(kind), out_indices=stages)
    )
    backbone.init_weights()
    backbone.eval()
    model = reference(library, folder(kind), stages)
    for size in SIZES:
        image = torch.randn(2, 3, *size)
        seen = (32, 64)
        if divisor is not None:
            seen = tuple(-(-n // divisor) * divisor for n in size)
        with torch.no_grad():
            found = backbone(image)
            resized = image
            if seen != size:
                resized = F.interpolate(image, seen, mode='bilinear')
            expected = model(pixel_values=resized).feature_maps
        assert len(found) == len(stages)
        for one, other, channels in zip(found, expected, backbone.channels):
            assert one.shape[1] == channels and one.std() > 1e-3
            torch.testing.assert_close(one, other, atol=1e-4, rtol=0)
            # The map covers the image: no border is cut off.
            assert all(seen[i] % one.shape[2 + i] == 0 for i in (0, 1))


def test_images_may_be_given_as_they_are(library, folder, offline):
    backbone = TransformersBackbone(folder('dinov2'), out_indices=(3,), divisor=1)
    backbone.init_weights()
    image = torch.randn(1, 3, 33, 50)
    model = reference(library, folder('dinov2'), (3,))
    with torch.no_grad():
        expected = model(pixel_values=image).feature_maps[0]
        found = backbone.eval()(image)[0]
    assert found.shape[2:] == (2, 3)  # the library cuts 33 x 50 to 28 x 42
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)


def segmentor(path, stages, head='FCNHead', **options):
    """A stock segmentor on top of a backbone of the library."""
    backbone = dict(type='TransformersBackbone', model=path, out_indices=stages, **options)
    channels = TransformersBackbone(path, out_indices=stages, pretrained=False).channels
    common = dict(num_classes=3, dropout_ratio=0, align_corners=False, channels=8)
    heads = dict(
        FCNHead=dict(in_channels=channels[-1], in_index=-1, num_convs=1, **common),
        FPNHead=dict(
            in_channels=[8] * len(stages),
            in_index=list(range(len(stages))),
            feature_strides=[4 * 2**i for i in range(len(stages))],
            **common,
        ),
    )
    model = dict(
        type='EncoderDecoder',
        data_preprocessor=dict(type='SegDataPreProcessor'),
        backbone=backbone,
        decode_head=dict(type=head, **heads[head]),
        train_cfg=dict(),
        test_cfg=dict(mode='whole'),
    )
    if head == 'FPNHead':
        outs = len(stages)
        model['neck'] = dict(
            type='FPN', in_channels=channels, out_channels=8, num_outs=outs
        )
    torch.manual_seed(1)
    model = MODELS.build(model)
    model.init_weights()
    return model


def train_step(model, size=(44, 60)):
    """Loss of a batch; gradients are left in the weights."""
    generator = torch.Generator().manual_seed(3)
    images = torch.randn(2, 3, *size, generator=generator)
    labels = torch.randint(0, 3, (2, 1, *size), generator=generator)
    samples = [SegDataSample() for _ in range(2)]
    for sample, label in zip(samples, labels):
        sample.gt_sem_seg = PixelData(data=label)
        sample.set_metainfo(dict(img_shape=size, ori_shape=size))
    losses = model.loss(images, samples)
    losses['decode.loss_ce'].backward()
    return losses['decode.loss_ce'].item()


@pytest.mark.parametrize(
    'kind, head', [('dinov2', 'FCNHead'), ('swin', 'FPNHead'), ('convnext', 'FPNHead')]
)
def test_heads_of_mmseg_train_and_checkpoints_are_strict(
    folder, offline, tmp_path, kind, head
):
    stages = FAMILIES[kind][1]
    model = segmentor(folder(kind), stages, head)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    losses = []
    for _ in range(4):
        optimizer.zero_grad()
        losses.append(train_step(model))
        optimizer.step()
    assert losses[-1] < losses[0]
    moved = [n for n, p in model.backbone.named_parameters() if p.grad is not None]
    assert len(moved) > 10
    save_checkpoint(dict(state_dict=model.state_dict()), str(tmp_path / 'x.pth'))
    other = segmentor(folder(kind), stages, head, pretrained=False)
    load_checkpoint(other, str(tmp_path / 'x.pth'), strict=True)
    image = torch.randn(1, 3, 44, 60)
    with torch.no_grad():
        torch.testing.assert_close(
            other.eval().encode_decode(image, [{'img_shape': (44, 60)}]),
            model.eval().encode_decode(image, [{'img_shape': (44, 60)}]),
        )


@pytest.mark.parametrize('kind', ['dinov2', 'dinov3_vit', 'swin'])
def test_gradient_checkpointing_changes_no_gradient(folder, offline, kind):
    gradients = []
    for checkpointing in (False, True):
        model = segmentor(
            folder(kind), FAMILIES[kind][1], gradient_checkpointing=checkpointing
        )
        # DINOv3 moves its positions at random while training.
        torch.manual_seed(5)
        train_step(model.train())
        gradients.append(
            {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
        )
    assert gradients[0].keys() == gradients[1].keys()
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, atol=1e-5, rtol=1e-4)


def test_a_frozen_backbone_stays_as_it_is(folder, offline):
    model = segmentor(
        folder('dinov2'), (3,), frozen=True, options=dict(hidden_dropout_prob=0.5)
    ).train()
    train_step(model)
    assert not any(p.requires_grad for p in model.backbone.parameters())
    assert all(p.grad is not None for p in model.decode_head.parameters())
    image = torch.randn(1, 3, 28, 28)
    torch.testing.assert_close(model.backbone(image)[0], model.backbone(image)[0])


@pytest.mark.parametrize('kind', ['dinov2', 'dinov3_vit', 'swin', 'convnext'])
def test_half_precision_is_close(folder, offline, kind):
    model = segmentor(folder(kind), FAMILIES[kind][1])
    exact = train_step(model)
    model.zero_grad()
    with torch.autocast('cpu', torch.bfloat16):
        half = train_step(model)
    assert half == pytest.approx(exact, abs=0.02) and half != exact
    grads = [p.grad for p in model.backbone.parameters() if p.grad is not None]
    assert len(grads) > 10 and all(g.isfinite().all() for g in grads)


def test_layers_learn_at_rates_of_their_own(folder, offline):
    """As docs/foundation.md says."""
    model = segmentor(folder('dinov2'), (3,))
    keys = {
        f'backbone.model.encoder.layer.{i}.': dict(lr_mult=0.5 ** (3 - i)) for i in range(3)
    }
    settings = dict(
        optimizer=dict(type='SGD', lr=1.0), paramwise_cfg=dict(custom_keys=keys)
    )
    wrapper = build_optim_wrapper(model, dict(settings, type='OptimWrapper'))
    rates = {id(g['params'][0]): g['lr'] for g in wrapper.optimizer.param_groups}
    for name, weight in model.named_parameters():
        found = re.search(r'encoder\.layer\.(\d)\.', name)
        assert rates.get(id(weight), 1.0) == (0.5 ** (3 - int(found[1])) if found else 1.0)


def test_a_copy_is_a_network_of_its_own(folder, offline):
    """As a mean teacher is made."""
    backbone = TransformersBackbone(folder('swin'), out_indices=(1, 3)).eval()
    backbone.init_weights()
    other = copy.deepcopy(backbone)
    image = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        before = backbone(image)
        for weight in other.parameters():
            weight.zero_()
        torch.testing.assert_close(backbone(image), before)
        assert all((one == 0).all() for one in other(image))


def test_settings_alone_make_random_weights(library, offline):
    backbone = TransformersBackbone(dict(model_type='dinov2', **VIT), out_indices=(2,))
    backbone.init_weights()
    assert backbone(torch.randn(1, 3, 20, 20))[0].shape == (1, 16, 2, 2)


def test_mistakes_are_told_in_one_line(library, folder, offline, tmp_path, monkeypatch):
    def refuse(text, *args, error=ValueError, **options):
        with pytest.raises(error, match=text) as caught:
            TransformersBackbone(*args, **options)
        assert '\n' not in str(caught.value)

    refuse('folder .*none does not exist', str(tmp_path / 'none'), error=FileNotFoundError)
    (tmp_path / 'empty').mkdir()
    refuse('empty: Unrecognized model', str(tmp_path / 'empty'))
    refuse(
        'not in the cache, and downloads are switched off',
        'facebook/dinov2-unheard-of',
        local_files_only=True,
    )
    refuse('a clip has no form as a backbone', dict(model_type='clip'))
    refuse("no model_type 'dinosaur'", dict(model_type='dinosaur'))
    path = folder('dinov2')
    refuse('ascending ones of 0 stem, 1 stage1', path, out_indices=(9,))
    refuse('ascending ones of 0 stem, 1 stage1', path, out_features=('stage7',))
    refuse('not both', path, out_indices=(1,), out_features=('stage1',))
    refuse("a dinov2 has no setting 'speed'", path, options=dict(speed=1))
    refuse('no gradient checkpointing', folder('convnext'), gradient_checkpointing=True)
    library.AutoConfig.for_model('dinov2', **VIT).save_pretrained(tmp_path / 'config')
    with pytest.raises(ValueError, match='config lacks a file'):
        TransformersBackbone(str(tmp_path / 'config')).init_weights()


def test_a_hub_that_cannot_be_reached_is_one_line(library, monkeypatch):
    def gone(*_, **__):
        raise socket.gaierror(-2, 'Name or service not known')

    monkeypatch.setattr(socket, 'getaddrinfo', gone)
    monkeypatch.setattr('time.sleep', lambda _: None)
    name = 'facebook/dinov2-unheard-of'
    text = f'TransformersBackbone: {name} is no folder, and the hub has no such model or '
    with pytest.raises(ValueError, match=text + 'cannot be reached') as caught:
        TransformersBackbone(name)
    assert '\n' not in str(caught.value)


@pytest.mark.skipif(find_spec('timm') is not None, reason='timm is installed')
def test_a_library_that_a_backbone_lacks_is_named(library, offline):
    text = r'timm_backbone needs what is not installed: pip install timm \('
    with pytest.raises(ValueError, match=text) as caught:
        TransformersBackbone(dict(model_type='timm_backbone'))
    assert '\n' not in str(caught.value)


@pytest.mark.skipif(find_spec('torchvision') is not None, reason='torchvision is there')
def test_torchvision_is_named_where_a_part_of_the_library_needs_it(library, folder):
    def load(*words, **options):  # the class itself refuses to be touched
        return library.Sam2ImageProcessor.from_pretrained(*words, **options)

    with pytest.raises(ValueError, match='pip install torchvision') as caught:
        read_pretrained(load, folder('dinov2'), 'a test', True)
    assert '\n' not in str(caught.value)


def test_the_config_of_the_documentation_builds(library, offline):
    page = Path(__file__).parents[2] / 'docs/foundation.md'
    text = re.search(r'```python\n(_base_.*?)```', page.read_text(), re.S).group(1)
    text = text.replace("'configs/", f"'{page.parents[1]}/configs/")
    config = Config.fromstring(text, '.py')
    settings = dict(model_type='dinov2', hidden_size=384, num_attention_heads=6)
    config.model.backbone.model = dict(settings, mlp_ratio=1)  # all 12 layers
    model = MODELS.build(config.model)
    images = torch.randn(1, 3, 40, 40)
    assert model.encode_decode(images, [dict(img_shape=(40, 40))]).shape == (1, 7, 40, 40)


def test_the_extra_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, 'transformers', None)
    with pytest.raises(ValueError, match=r'pip install "mmseg_weak\[foundation\]"'):
        TransformersBackbone('facebook/dinov2-small')
