"""Masks of new photographs, against mmseg's own inference and the definition."""

import copy

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.apis import inference_model
from mmseg.registry import MODELS
from PIL import Image
from toy import CLASSES, toy_config, toy_model

from mmseg_weak.prediction import Predictor, TrainingScale, training_scale
from mmseg_weak.prediction.predictor import enlarged_argmax
from mmseg_weak.visualization.palette import distinct_palette


@pytest.fixture(scope='module')
def checkpoint(toy_root, tmp_path_factory):
    """Random weights with the config inside, as a training leaves them."""
    init_default_scope('mmseg')
    folder = tmp_path_factory.mktemp('predictor')
    config = toy_config(toy_root, folder, toy_model())
    torch.manual_seed(0)
    model = MODELS.build(copy.deepcopy(config.model))
    with torch.no_grad():  # scores of all classes about zero, so that each wins somewhere
        image = next((toy_root / 'images').glob('*.png'))
        image = torch.from_numpy(cv2.imread(str(image))).permute(2, 0, 1)
        inputs = model.data_preprocessor(dict(inputs=[image]))['inputs']
        model.decode_head.conv_seg.bias -= model.eval()(inputs).mean((0, 2, 3))
    path = folder / 'iter_1.pth'
    meta = dict(cfg=config.pretty_text, dataset_meta=dict(classes=CLASSES))
    torch.save(dict(state_dict=model.state_dict(), meta=meta), path)
    return path


@pytest.fixture
def photo(toy_root):
    return next((toy_root / 'images').glob('*.png'))


def stock_mask(predictor, image):
    """What mmseg predicts of a BGR array."""
    model = copy.deepcopy(predictor.model)
    model.cfg = Config(
        dict(test_pipeline=[dict(type='LoadImageFromFile'), dict(type='PackSegInputs')])
    )
    return inference_model(model, image).pred_sem_seg.data[0].numpy()


def test_three_lines_give_the_mask_that_mmseg_gives(checkpoint, photo):
    predict = Predictor(checkpoint, device='cpu')
    mask = predict(photo)
    assert mask.dtype == np.uint8 and len(np.unique(mask)) > 1
    np.testing.assert_array_equal(mask, stock_mask(predict, cv2.imread(str(photo))))
    rgb = np.array(Image.open(photo).convert('RGB'))
    np.testing.assert_array_equal(mask, predict(rgb))
    assert predict.classes == CLASSES


def test_a_large_photograph_is_seen_at_the_scale_of_the_training(
    checkpoint, photo, tmp_path
):
    """The mask is that of the shrunk photograph, in the photograph's own size."""
    config = Config.fromstring(
        torch.load(checkpoint, weights_only=False)['meta']['cfg'], '.py'
    )
    step = dict(type='Resize', scale=(64, 64), keep_ratio=True)
    config.val_dataloader.dataset.pipeline.insert(1, step)
    predict = Predictor(checkpoint, config, device='cpu')
    small = cv2.imread(str(photo))
    large = cv2.resize(small, None, fx=4, fy=4, interpolation=cv2.INTER_NEAREST)
    mask = predict(large[..., ::-1])
    assert mask.shape == large.shape[:2]
    again = cv2.resize(large, small.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    with torch.no_grad():
        data = dict(inputs=[torch.from_numpy(again).permute(2, 0, 1)])
        scores = predict.model(predict.model.data_preprocessor(data)['inputs'])
    for size in (small.shape[:2], mask.shape):  # mmseg's two steps
        scores = torch.nn.functional.interpolate(scores, size, mode='bilinear')
    np.testing.assert_array_equal(mask, scores.argmax(1)[0].numpy())


def test_tiles_agree_with_mmsegs_sliding_window(checkpoint, photo, monkeypatch):
    monkeypatch.setattr('mmseg_weak.prediction.predictor.WHOLE', 100)
    monkeypatch.setattr('mmseg_weak.prediction.predictor.TILE', 32)
    monkeypatch.setattr('mmseg_weak.prediction.predictor.STRIDE', 24)
    predict = Predictor(checkpoint, device='cpu')
    mask = predict(photo)
    window = dict(mode='slide', crop_size=(32, 32), stride=(24, 24))
    predict.model.test_cfg.update(window)
    image = cv2.imread(str(photo))
    np.testing.assert_array_equal(mask, stock_mask(predict, image))
    np.testing.assert_array_equal(mask, predict(photo))  # the window of the config


def test_tiles_of_a_resized_photograph(checkpoint, photo, monkeypatch):
    """Scores of the tiles are put together, then resized; a large mask band by band."""
    config = Config.fromstring(
        torch.load(checkpoint, weights_only=False)['meta']['cfg'], '.py'
    )
    step = dict(type='Resize', scale=(96, 96), keep_ratio=True)
    config.val_dataloader.dataset.pipeline.insert(1, step)
    predict = Predictor(checkpoint, config, device='cpu')
    large = cv2.resize(cv2.imread(str(photo)), None, fx=4, fy=4)[..., ::-1]
    window = dict(mode='slide', crop_size=(32, 32), stride=(24, 24))
    predict.model.test_cfg.update(window)
    expected = predict(large)
    monkeypatch.setattr('mmseg_weak.prediction.predictor.WHOLE', 100)
    np.testing.assert_array_equal(predict(large), expected)
    monkeypatch.setattr('mmseg_weak.prediction.predictor.LARGE', 1000)
    assert (predict(large) == expected).mean() > 0.999  # equal but for rounding


@pytest.mark.parametrize('tiles', [False, True])
def test_a_network_with_one_output_agrees_with_mmseg(
    checkpoint, photo, tmp_path, monkeypatch, tiles
):
    content = torch.load(checkpoint, weights_only=False)
    config = Config.fromstring(content['meta']['cfg'], '.py')
    config.model.decode_head.update(num_classes=2, out_channels=1, threshold=0.5)
    weights = content['state_dict']
    for name in ('decode_head.conv_seg.weight', 'decode_head.conv_seg.bias'):
        weights[name] = weights[name][:1]
    meta = dict(cfg=config.pretty_text, dataset_meta=dict(classes=CLASSES[:2]))
    torch.save(dict(state_dict=weights, meta=meta), tmp_path / 'one.pth')
    predict = Predictor(tmp_path / 'one.pth', device='cpu')
    if tiles:
        monkeypatch.setattr('mmseg_weak.prediction.predictor.WHOLE', 100)
        window = dict(mode='slide', crop_size=(32, 32), stride=(24, 24))
        predict.model.test_cfg.update(window)
    mask = predict(photo)
    assert len(np.unique(mask)) == 2
    np.testing.assert_array_equal(mask, stock_mask(predict, cv2.imread(str(photo))))


def test_deep_images_are_loaded_as_in_training(checkpoint, photo, tmp_path):
    config = Config.fromstring(
        torch.load(checkpoint, weights_only=False)['meta']['cfg'], '.py'
    )
    loader = dict(type='LoadDeepImage', value_range=(0, 1020))
    config.val_dataloader.dataset.pipeline[0] = loader
    config.test_dataloader = config.val_dataloader
    grey = cv2.imread(str(photo), cv2.IMREAD_GRAYSCALE)
    cv2.imwrite(str(tmp_path / 'deep.png'), grey.astype(np.uint16) * 4)
    predict = Predictor(checkpoint, config, device='cpu')
    expected = predict(np.repeat(grey[..., None], 3, axis=2))
    np.testing.assert_array_equal(predict(tmp_path / 'deep.png'), expected)


@pytest.mark.parametrize('size', [(7, 9), (30, 20), (3, 4)])
def test_enlarged_argmax_is_that_of_all_classes_at_once(size):
    scores = torch.randn(5, 7, 9, generator=torch.Generator().manual_seed(1))
    full = torch.nn.functional.interpolate(scores[None], size, mode='bilinear')
    assert torch.equal(enlarged_argmax(scores, size).long(), full.argmax(1)[0])


@pytest.mark.parametrize(
    ('step', 'expected'),
    [
        (
            dict(type='RandomResize', scale=(300, 300), ratio_range=(0.5, 1.5)),
            (300, 0.5, 1.5),
        ),
        (dict(type='RandomResize', scale=[(200, 200), (400, 400)]), (300, 2 / 3, 4 / 3)),
        (dict(type='Resize', scale=(512, 512)), (512, 1, 1)),
    ],
)
def test_scale_of_a_training_pipeline(step, expected):
    side, low, high = expected
    loader = dict(dataset=dict(type='RepeatDataset', dataset=dict(pipeline=[step])))
    scale = training_scale(Config(dict(train_dataloader=loader)))
    assert scale.scale == (side, side)
    assert (scale.low, scale.high) == pytest.approx((low, high))


def test_only_photographs_of_other_sizes_are_resized():
    scale = TrainingScale((300, 300), 0.5, 1.5)
    assert scale.factor(200, 300) == scale.factor(440, 100) == scale.factor(150, 150) == 1
    assert scale.factor(1200, 900) == 0.25
    assert scale.factor(75, 100) == 3
    assert TrainingScale((2048, 512)).factor(1024, 1024) == 0.5


@pytest.mark.parametrize(
    ('photo', 'message'),
    [
        ('nowhere.jpg', 'photograph nowhere.jpg does not exist'),
        (__file__, 'cannot be read as an image'),
        (np.zeros((4, 4), np.uint8), r'expected \(H, W, 3\) uint8 RGB'),
    ],
)
def test_other_things_than_photographs_are_one_line(checkpoint, photo, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        Predictor(checkpoint, device='cpu')(photo)


def test_a_checkpoint_without_a_config_asks_for_it(tmp_path):
    torch.save(dict(state_dict={}), tmp_path / 'a.pth')
    with pytest.raises(ValueError, match='carries no config: give that of its training'):
        Predictor(tmp_path / 'a.pth')


def test_colours_are_far_apart_and_background_is_black():
    from skimage.color import rgb2lab

    classes = ['background', *map(str, range(20))]
    colours = distinct_palette(classes)
    assert colours[0].tolist() == [0, 0, 0]
    lab = rgb2lab(colours[None] / 255.0)[0]
    distance = np.linalg.norm(lab[:, None] - lab, axis=-1)[~np.eye(21, dtype=bool)]
    assert distance.min() > 25
    np.testing.assert_array_equal(distinct_palette(classes[:5]), colours[:5])
    assert len(distinct_palette([str(i) for i in range(300)])) == 300
