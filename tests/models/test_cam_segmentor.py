"""CAMSegmentor: its loss, and fast maps against the published way written out."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.structures import BaseDataElement
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from PIL import Image
from toy import toy_model

from mmseg_weak.models.cam.activation_maps import scale_images, scale_inputs

SCALES = (1, 0.5, 1.5, 2)


def cam_model(**changes):
    model = dict(toy_model(), type='CAMSegmentor')
    model['decode_head'] = dict(type='CAMHead', in_channels=[8, 16], num_classes=4)
    model['decode_head'].update(changes.pop('decode_head', {}))
    return dict(model, **changes)


def build(seed=0, **changes):
    torch.manual_seed(seed)
    segmentor = MODELS.build(cam_model(**changes))
    segmentor.init_weights()
    with torch.no_grad():  # activations of both signs in every class
        segmentor.decode_head.classifier.weight.normal_()
    return segmentor


def samples(*classes, **meta):
    metas = [dict(image_classes=c, sample_idx=i, **meta) for i, c in enumerate(classes)]
    return [SegDataSample(metainfo=meta) for meta in metas]


def channel_by_channel(segmentor, inputs, pool):
    """Pool each channel of the features, then classify, as AFA and BMP publish it."""
    features = segmentor.extract_feat(inputs)[-1]
    weight = segmentor.decode_head.classifier.weight.flatten(1)
    pooled = torch.tensor([[pool(channel) for channel in maps] for maps in features])
    return pooled @ weight.T


@pytest.mark.parametrize('pooling', ['avg', 'max', 'max_features'])
def test_loss_is_torchs_multi_label_soft_margin(pooling):
    segmentor = build(decode_head=dict(pooling=pooling)).eval()
    inputs = torch.randn(3, 3, 33, 41)
    loss = segmentor.loss(inputs, samples((1, 3), (2,), ()))
    maps = segmentor._forward(inputs)
    if pooling == 'max_features':
        logits = channel_by_channel(segmentor, inputs, torch.max)
        assert not torch.allclose(logits, maps.amax((2, 3))), 'another function'
    else:
        logits = maps.mean((2, 3)) if pooling == 'avg' else maps.amax((2, 3))
    tags = torch.tensor([[1.0, 0, 1], [0, 1, 0], [0, 0, 0]])
    expected = F.multilabel_soft_margin_loss(logits, tags)
    assert list(loss) == ['decode.loss_tags']
    torch.testing.assert_close(loss['decode.loss_tags'], expected)
    assert maps.shape == (3, 3, 9, 11)


def pillow(levels, scale):
    """An 8-bit image (H, W, 3) resized by Pillow."""
    height, width = levels.shape[:2]
    size = (round(width * scale), round(height * scale))
    resized = Image.fromarray(levels).resize(size, Image.Resampling.BICUBIC)
    return np.asarray(resized)


def photo(shape, seed=0):
    """8-bit RGB with hard edges, where bicubic filters overshoot."""
    rng = np.random.default_rng(seed)
    blocks = rng.choice([0, 255], (shape[0] // 4 + 1, shape[1] // 4 + 1, 3))
    levels = blocks.repeat(4, axis=0).repeat(4, axis=1)[: shape[0], : shape[1]]
    noise = rng.integers(-40, 40, levels.shape)
    return (levels + noise).clip(0, 255).astype(np.uint8)


def normalised(segmentor, levels):
    """RGB (H, W, 3) as the network sees it, (1, 3, H, W)."""
    image = torch.tensor(levels).permute(2, 0, 1)[None].float()
    preprocessor = segmentor.data_preprocessor
    return (image - preprocessor.mean) / preprocessor.std


def plain_cams(segmentor, levels, present, size):
    """The published evaluation, one pass after the other, every class enlarged."""
    total = 0
    weight = segmentor.decode_head.classifier.weight
    for scale in SCALES:
        view = normalised(segmentor, pillow(levels, scale))
        for flip in (False, True):
            view = view.flip(3) if flip else view
            cam = F.conv2d(segmentor.backbone(view)[1], weight).relu()
            cam = F.interpolate(cam, size, mode='bilinear', align_corners=False)[0]
            total = total + (cam.flip(2) if flip else cam)
    total = total * present[:, None, None]
    return total / (total.amax((1, 2), keepdim=True) + 1e-5)


@pytest.mark.parametrize('shape', [(48, 40), (37, 53), (9, 64)])
def test_fast_maps_are_the_published_ones(shape):
    segmentor = build().eval()
    photos = [photo(shape, seed) for seed in (0, 1)]
    inputs = torch.cat([normalised(segmentor, levels) for levels in photos])
    tags = torch.tensor([[1.0, 0, 1], [0, 1, 0]])
    with torch.no_grad():
        cams, classes, _ = segmentor.cams(inputs, tags, (45, 61), SCALES, True)
        for i, levels in enumerate(photos):
            expected = plain_cams(segmentor, levels, tags[i], (45, 61))[classes[i]]
            assert classes[i].tolist() == tags[i].nonzero()[:, 0].tolist()
            # Pillow's fixed point rounds a pixel in thousands the other way.
            assert (cams[i] - expected).abs().mean() < 3e-4
            torch.testing.assert_close(cams[i], expected, rtol=0.01, atol=0.01)


@pytest.mark.parametrize('shape', [(23, 31), (40, 40), (7, 90)])
def test_scaling_is_pillows_bicubic(shape):
    levels = photo(shape)
    image = torch.tensor(levels).permute(2, 0, 1)[None].float()
    for scale in (*SCALES, 0.3):
        expected = torch.tensor(pillow(levels, scale)).permute(2, 0, 1)
        difference = (scale_images(image, scale)[0] - expected).abs()
        assert difference.max() <= 1 and (difference > 0).float().mean() < 0.004


def test_other_preprocessors_scale_the_same_levels():
    """Without a conversion the network sees BGR."""
    levels = torch.tensor(photo((20, 30))).permute(2, 0, 1)[None].float()
    views = []
    for rgb in (True, False):
        options = dict(mean=[1.0, 2, 3], std=[4.0, 5, 6], bgr_to_rgb=rgb)
        preprocessor = MODELS.build(dict(type='SegDataPreProcessor', **options))
        seen = levels if rgb else levels.flip(1)
        inputs = (seen - preprocessor.mean) / preprocessor.std
        scaled = scale_inputs(inputs, 1.5, preprocessor)
        scaled = scaled * preprocessor.std + preprocessor.mean
        views.append(scaled if rgb else scaled.flip(1))
        assert scale_inputs(inputs, 1, preprocessor) is inputs
    torch.testing.assert_close(views[0], scale_images(levels, 1.5), rtol=0, atol=1e-3)
    torch.testing.assert_close(*views, rtol=0, atol=1e-3)


def test_prediction_competes_with_the_background_score():
    test_cfg = dict(scales=SCALES, flip=True, background_score=0.4)
    segmentor = build(test_cfg=test_cfg).eval()
    photos = [photo((48, 40), seed) for seed in (0, 1)]
    inputs = torch.cat([normalised(segmentor, levels) for levels in photos])
    results = segmentor.predict(inputs, samples((1, 3), (2,), ori_shape=(50, 44)))
    for levels, result, present in zip(photos, results, ([1.0, 0, 1], [0, 1.0, 0])):
        with torch.no_grad():
            cams = plain_cams(segmentor, levels, torch.tensor(present), (50, 44))
        scores = torch.cat([torch.full((1, 50, 44), 0.4), cams])
        labels = result.pred_sem_seg.data[0]
        assert (labels == scores.argmax(0)).float().mean() > 0.99
        torch.testing.assert_close(result.seg_logits.data, scores, rtol=0.01, atol=0.01)
        assert result.pred_tags.shape == (3,)


def test_without_tags_the_classifier_says_what_is_there():
    segmentor = build().eval()
    inputs = torch.randn(4, 3, 48, 40)
    logits = segmentor.decode_head.classify(segmentor.extract_feat(inputs))
    assert (logits > 0).any() and (logits < 0).any()
    for row, result in zip(logits, segmentor.predict(inputs)):
        predicted = set(result.pred_sem_seg.data.unique().tolist())
        assert predicted <= {0} | {int(i) + 1 for i in (row > 0).nonzero()}
        torch.testing.assert_close(result.pred_tags, row)
        assert result.pred_sem_seg.data.shape == (1, 48, 40)


def test_padding_and_flips_of_the_pipeline_are_undone():
    segmentor = build().eval()
    inputs = torch.randn(1, 3, 32, 40)
    plain = segmentor.predict(inputs, samples((1, 2), ori_shape=(32, 40)))[0]
    padded = F.pad(inputs, (0, 7, 0, 5), value=3.0)
    meta = dict(ori_shape=(32, 40), img_padding_size=[0, 7, 0, 5])
    result = segmentor.predict(padded, samples((1, 2), **meta))[0]
    torch.testing.assert_close(result.seg_logits.data, plain.seg_logits.data)
    for direction, dim in (('horizontal', 3), ('vertical', 2)):
        meta = dict(ori_shape=(32, 40), flip=True, flip_direction=direction)
        result = segmentor.predict(inputs.flip(dim), samples((1, 2), **meta))[0]
        mirrored = result.seg_logits.data.flip(dim - 1)
        direct = segmentor.predict(inputs.flip(dim), samples((1, 2), ori_shape=(32, 40)))
        torch.testing.assert_close(mirrored, direct[0].seg_logits.data)


def test_nothing_active_and_nothing_there_is_background():
    segmentor = build().eval()
    with torch.no_grad():
        segmentor.decode_head.classifier.weight.zero_()
    inputs = torch.randn(1, 3, 32, 40)
    for sample in (samples((1, 2), ori_shape=(32, 40)), samples(()), None):
        result = segmentor.predict(inputs, sample)[0]
        assert (result.pred_sem_seg.data == 0).all()
        assert result.seg_logits.data.isfinite().all()


def test_background_may_be_another_class():
    first, last = build().eval(), build(decode_head=dict(background=3)).eval()
    inputs = torch.randn(1, 3, 32, 40)
    a = first.predict(inputs, samples((1, 3), ori_shape=(32, 40)))[0]
    b = last.predict(inputs, samples((0, 2), ori_shape=(32, 40)))[0]
    torch.testing.assert_close(a.seg_logits.data.roll(-1, 0), b.seg_logits.data)


class CountingHead(torch.nn.Module):
    """Stands for a head of sub-categories."""

    def loss(self, features, tags, sample_idx):
        self.seen = features, tags, sample_idx
        return dict(loss_sub=features.sum() * 0)


def test_sub_category_head_gets_features_tags_and_positions():
    MODELS.register_module(module=CountingHead, force=True)
    segmentor = build(sub_category_head=dict(type='CountingHead')).eval()
    inputs = torch.randn(2, 3, 32, 32)
    losses = segmentor.loss(inputs, samples((1,), (2, 3)))
    assert set(losses) == {'decode.loss_tags', 'sub.loss_sub'}
    features, tags, sample_idx = segmentor.sub_category_head.seen
    torch.testing.assert_close(features, segmentor.pooled_features(inputs))
    assert tags.tolist() == [[1, 0, 0], [0, 1, 1]] and sample_idx.tolist() == [0, 1]
    torch.testing.assert_close(
        segmentor.decode_head.classifier(features[..., None, None]).flatten(1),
        segmentor.decode_head.classify(segmentor.extract_feat(inputs)),
    )
    with pytest.raises(ValueError, match='no sample_idx'):
        segmentor.loss(inputs, [SegDataSample(metainfo=dict(image_classes=(1,)))] * 2)


def test_samples_without_tags_or_with_wrong_ones_are_errors():
    segmentor = build()
    inputs = torch.randn(1, 3, 32, 32)
    with pytest.raises(ValueError, match=r'x\.jpg has no image_classes'):
        segmentor.loss(inputs, [SegDataSample(metainfo=dict(img_path='x.jpg'))])
    for wrong in (0, 4, -1):
        with pytest.raises(ValueError, match='no foreground class'):
            segmentor.loss(inputs, samples((wrong,)))


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(decode_head=dict(pooling='sum')), 'pooling must be in'),
        (dict(decode_head=dict(num_classes=1)), 'num_classes counts background'),
        (dict(decode_head=dict(background=4)), 'background must be in'),
        (dict(decode_head=dict(dropout_ratio=1)), 'dropout_ratio must be in'),
        (dict(test_cfg=dict(scales=())), 'scales must be numbers'),
        (dict(test_cfg=dict(background_score=2)), 'background_score must be in'),
        (
            dict(auxiliary_head=dict(toy_model()['decode_head'])),
            'auxiliary_head needs masks',
        ),
        (
            dict(
                sub_category_head=dict(type='SubCategoryHead', in_channels=9, num_classes=4)
            ),
            'sub_category_head has in_channels=9, the decode head',
        ),
    ],
)
def test_wrong_options(changes, message):
    with pytest.raises(ValueError, match=message):
        build(**changes)


def test_another_decode_head_is_refused():
    with pytest.raises(ValueError, match='needs a CAMHead .* got FCNHead'):
        MODELS.build(dict(toy_model(), type='CAMSegmentor'))


def test_the_checkpoint_loads_into_a_stock_encoder_decoder():
    segmentor = build().eval()
    plain = MODELS.build(cam_model(type='EncoderDecoder'))
    plain.load_state_dict(copy.deepcopy(segmentor.state_dict()), strict=True)
    inputs = torch.randn(1, 3, 32, 40)
    torch.testing.assert_close(plain.eval()._forward(inputs), segmentor._forward(inputs))


def test_tensors_of_a_sample_survive_to_dict():
    result = build().eval().predict(torch.randn(1, 3, 32, 40))[0]
    assert isinstance(result, BaseDataElement)
    assert result.to_dict()['pred_tags'].shape == (3,)


def test_maxima_of_channels_teach_a_class_at_many_cells():
    """The gradient of one class: one cell by its map's maximum, many by the channels'."""
    touched = {}
    for pooling in ('max', 'max_features'):
        head = build(decode_head=dict(pooling=pooling)).decode_head
        features = torch.randn(1, 16, 7, 9, requires_grad=True)
        head.classify(features)[0, 1].backward()
        touched[pooling] = int((features.grad != 0).any(dim=1).sum())
        # Maps that are at hand give the same.
        with torch.no_grad():
            logits = head.classify(features)
            torch.testing.assert_close(head.classify(features, head(features)), logits)
    assert touched['max'] == 1 and touched['max_features'] > 8
