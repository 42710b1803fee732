"""Testing with both branches: predictions, TTA, metric, export."""

import copy

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.structures import PixelData
from mmseg.apis import inference_model, init_model
from mmseg.registry import METRICS, MODELS
from mmseg.structures import SegDataSample
from PIL import Image
from torch import nn
from toy_mutual import build, tagged_batch, toy_mutual

from mmseg_weak.apis.export_segmentor import export_segmentor, stock_form
from mmseg_weak.models.mutual_promotion.branch_prediction import cam_scores


def predict(model, inputs, **meta):
    shape = tuple(inputs.shape[2:])
    meta = dict(dict(ori_shape=shape, img_shape=shape, pad_shape=shape), **meta)
    samples = [SegDataSample(metainfo=dict(meta)) for _ in inputs]
    with torch.no_grad():
        return model.eval().predict(inputs, samples)


@pytest.mark.parametrize('gate', [True, False])
def test_predicts_both_branches(gate):
    model = build(toy_mutual(gate=gate))
    inputs, _ = tagged_batch()
    samples = predict(model, inputs, ori_shape=(30, 25))
    for sample in samples:
        assert sample.pred_sem_seg.data.shape == (1, 30, 25)
        assert sample.pred_cam_sem_seg.data.shape == (1, 30, 25)
        shown = set(sample.pred_cam_sem_seg.data.unique().tolist()) - {0}
        assert shown <= {k + 1 for k in range(3) if sample.pred_tags[k] > 0}
    whole = model.encode_decode(inputs, [dict(img_shape=(48, 40))])
    torch.testing.assert_close(predict(model, inputs)[0].seg_logits.data, whole[0])


def test_tags_of_an_image_choose_its_cams():
    model = build(toy_mutual())
    sample = predict(model, tagged_batch()[0][:1], image_classes=(2,))[0]
    assert set(sample.pred_cam_sem_seg.data.unique().tolist()) == {0, 2}


def test_predicted_tags_rule_out_classes():
    model = build(toy_mutual())
    inputs = tagged_batch()[0]
    free = predict(model, inputs)
    probs = torch.stack([sample.pred_tags for sample in free]).sigmoid()
    # Between the two least likely classes of the first image: it loses one, the rest stay.
    threshold = probs[0].sort().values[:2].mean().item()
    model.test_cfg = Config(dict(mode='whole', tag_threshold=threshold))
    for sample, before, row in zip(predict(model, inputs), free, probs):
        stays = [True] + [bool(p >= threshold or p == row.max()) for p in row]
        expected = [
            before.seg_logits.data[k] if stays[k] else torch.full((48, 40), -1e4)
            for k in range(4)
        ]
        torch.testing.assert_close(sample.seg_logits.data, torch.stack(expected))
    model.test_cfg = Config(dict(mode='whole', tag_threshold=1.0))  # one class at least
    for sample, row in zip(predict(model, inputs), probs):
        shown = set(sample.pred_sem_seg.data.unique().tolist())
        assert shown <= {0, int(row.argmax()) + 1}


def test_tag_threshold_is_a_probability():
    with pytest.raises(ValueError, match='tag_threshold must be in'):
        build(toy_mutual(test_cfg=dict(mode='whole', tag_threshold=1.5)))


def test_sliding_window():
    model = build(
        toy_mutual(test_cfg=dict(mode='slide', crop_size=(32, 32), stride=(16, 16)))
    )
    model.test_cfg = Config(model.test_cfg)
    sample = predict(model, tagged_batch()[0][:1])[0]
    assert sample.seg_logits.data.shape == (4, 48, 40)
    assert sample.cam_logits.data.shape == (3, 48, 40)


def test_cam_scores():
    activation = torch.tensor([[[0.0, 2], [4, -1]], [[9.0, 0], [0, 0]]])
    scores = cam_scores(activation, torch.tensor([True, False]), 0.4)
    expected = torch.tensor(
        [[[0.4, 0.4], [0.4, 0.4]], [[0, 0.5], [1, 0]], [[0, 0], [0, 0]]]
    )
    torch.testing.assert_close(scores, expected, atol=1e-5, rtol=0)


def view(shape, seed, **data):
    generator = torch.Generator().manual_seed(seed)
    sample = SegDataSample(metainfo=dict(img_shape=shape, **data))
    logits = torch.randn(4, 6, 5, generator=generator)
    cams = torch.randn(3, 6, 5, generator=generator)
    sample.set_data(
        dict(
            seg_logits=PixelData(data=logits),
            cam_logits=PixelData(data=cams),
            pred_tags=torch.tensor([1.0, -1, 1]),
        )
    )
    return sample


def test_tta_is_the_maximum_over_scales_of_the_mean_over_flips():
    tta = MODELS.build(dict(type='MaxScaleTTAModel', module=toy_mutual()))
    views = [view((8, 8), 0), view((8, 8), 1), view((4, 4), 2), view((4, 4), 3)]
    logits = [v.seg_logits.data.clone() for v in views]
    cams = [v.cam_logits.data.clone() for v in views]
    merged = tta.merge_preds([views])[0]
    expected = torch.maximum((logits[0] + logits[1]) / 2, (logits[2] + logits[3]) / 2)
    torch.testing.assert_close(merged.seg_logits.data, expected)
    assert torch.equal(merged.pred_sem_seg.data[0], expected.argmax(0))
    activation = sum(torch.maximum(cams[i], cams[i + 1]).clamp(min=0) for i in (0, 2))
    torch.testing.assert_close(merged.cam_logits.data, activation)


def test_tta_with_crf(tmp_path):
    Image.fromarray(np.zeros((6, 5, 3), np.uint8)).save(tmp_path / 'black.png')
    tta = MODELS.build(dict(type='MaxScaleTTAModel', module=toy_mutual(), crf=True))
    assert tta.crf['bilateral_sxy'] == 64
    merged = tta.merge_preds([[view((8, 8), 0, img_path=str(tmp_path / 'black.png'))]])[0]
    # Without edges all pixels agree.
    assert len(merged.pred_sem_seg.data.unique()) == 1


def test_metric_of_the_cams(tmp_path):
    metric = METRICS.build(dict(type='CAMIoUMetric', output_dir=str(tmp_path)))
    metric.dataset_meta = dict(classes=('background', 'a'))
    mask = torch.tensor([[[0, 1], [1, 1]]])
    sample = dict(
        pred_sem_seg=dict(data=1 - mask),
        pred_cam_sem_seg=dict(data=mask),
        gt_sem_seg=dict(data=mask),
        img_path='x/a.jpg',
    )
    metric.process({}, [sample])
    assert metric.evaluate(1)['cam/mIoU'] == 100
    assert np.array_equal(np.array(Image.open(tmp_path / 'cam' / 'a.png')), mask[0])
    with pytest.raises(ValueError, match='pred_cam_sem_seg'):
        metric.process({}, [dict(gt_sem_seg=dict(data=mask))])


def with_stock_eps(model):
    """mmseg's MiT has an eps of 1e-6 in all layer norms, the published one not."""
    for module in model.backbone.modules():
        if isinstance(module, nn.LayerNorm):
            module.eps = 1e-6
    return model


@pytest.mark.parametrize('gate', [True, False])
@pytest.mark.parametrize('backbone', ['conv', 'mit'])
def test_exported_branch_predicts_the_same(tmp_path, backbone, gate):
    config = Config(dict(model=toy_mutual(backbone=backbone, gate=gate)))
    model = build(copy.deepcopy(config.model))
    torch.save(dict(state_dict=model.state_dict(), meta={}), tmp_path / 'both.pth')
    paths = export_segmentor(config, str(tmp_path / 'both.pth'), str(tmp_path / 'out'))
    stock = MODELS.build(Config.fromfile(paths[0]).model)
    assert type(stock).__name__ == 'EncoderDecoder'
    stock.load_state_dict(torch.load(paths[1])['state_dict'], strict=True)
    inputs, _ = tagged_batch()
    own = predict(model, inputs)[0].seg_logits.data
    models = (with_stock_eps(model), stock)
    ours, theirs = (predict(m, inputs)[0].seg_logits.data for m in models)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(own, theirs, rtol=0, atol=5e-3)


@pytest.mark.parametrize('gate', [True, False])
def test_exported_config_asks_for_the_plugin_where_it_is_needed(tmp_path, gate):
    config = Config(
        dict(
            model=toy_mutual(gate=gate),
            custom_imports=dict(imports=['mmseg_weak'], allow_failed_imports=False),
            default_hooks=dict(pointwise=dict(type='OneDNNPointwiseHook')),
            visualizer=dict(type='WeakSegLocalVisualizer', name='visualizer'),
        )
    )
    model = build(copy.deepcopy(config.model))
    torch.save(dict(state_dict=model.state_dict(), meta={}), tmp_path / 'both.pth')
    exported, _ = export_segmentor(config, str(tmp_path / 'both.pth'), str(tmp_path))
    text = exported.read_text()
    assert ('mmseg_weak' in text) == ('Weak' in text) == gate
    assert 'OneDNNPointwiseHook' not in text


def test_an_exported_branch_infers_by_mmsegs_function(tmp_path):
    """Its config may have no ``test_pipeline``, which mmseg looks for."""
    steps = [
        dict(type='LoadImageFromFile'),
        dict(type='LoadAnnotations'),
        dict(type='PackSegInputs'),
    ]
    inner = dict(type='BaseSegDataset', pipeline=steps)
    config = Config(
        dict(
            model=toy_mutual(gate=True),
            test_dataloader=dict(dataset=dict(type='RepeatDataset', dataset=inner)),
        )
    )
    model = build(copy.deepcopy(config.model))
    torch.save(dict(state_dict=model.state_dict(), meta={}), tmp_path / 'both.pth')
    paths = export_segmentor(config, str(tmp_path / 'both.pth'), str(tmp_path / 'out'))
    exported = init_model(*map(str, paths), device='cpu')
    image = np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)
    assert inference_model(exported, image).pred_sem_seg.data.shape == (1, 32, 48)


def test_exported_cam_branch_is_a_cam_segmentor(tmp_path):
    config = Config(dict(model=toy_mutual(backbone='mit')))
    model = build(copy.deepcopy(config.model))
    torch.save(dict(state_dict=model.state_dict(), meta={}), tmp_path / 'both.pth')
    paths = export_segmentor(config, str(tmp_path / 'both.pth'), str(tmp_path), 'cam')
    cam = MODELS.build(Config.fromfile(paths[0]).model)
    cam.load_state_dict(torch.load(paths[1])['state_dict'], strict=True)
    inputs, _ = tagged_batch()
    model = with_stock_eps(model)
    expected = model.eval().cam_head(model.extract_feat(inputs))
    found = cam.eval().decode_head(cam.extract_feat(inputs))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_export_refuses_other_models():
    with pytest.raises(ValueError, match='neck'):
        stock_form(dict(toy_mutual(), neck=dict(type='FPN')), {})
    with pytest.raises(ValueError, match='AffinitySegmentor has no stock form'):
        stock_form(dict(type='AffinitySegmentor'), {})
    with pytest.raises(ValueError, match='one of segmentation, cam for a Mutual'):
        stock_form(toy_mutual(), {}, 'walk')
