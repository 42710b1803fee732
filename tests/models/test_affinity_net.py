"""AffinityNet: affinities and loss against plain loops, with three backbones."""

import copy
import math
import pickle

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from toy import toy_config

from mmseg_weak.models.affinity import neighbour_affinity, neighbour_mask
from mmseg_weak.models.losses import PairAffinityLoss
from mmseg_weak.refinement import build_refinement
from mmseg_weak.refinement.sparse_walk import pair_offsets

BACKBONES = dict(
    resnet38=(
        dict(type='ResNet38', width_divisor=16, out_indices=(2, 3, 4), dropout=False),
        (32, 64, 256),
    ),
    mobilenetv2=(
        dict(type='MobileNetV2', widen_factor=0.25, out_indices=(2, 4, 6)),
        (8, 24, 80),
    ),
    resnet50=(
        dict(
            type='ResNet',
            depth=50,
            base_channels=8,
            stem_channels=8,
            num_stages=4,
            out_indices=(1, 2, 3),
            strides=(1, 2, 1, 1),
            dilations=(1, 1, 2, 4),
        ),
        (64, 128, 256),
    ),
)


def make_model(name='mobilenetv2'):
    backbone, widths = BACKBONES[name]
    torch.manual_seed(0)
    model = MODELS.build(
        dict(
            type='AffinitySegmentor',
            data_preprocessor=dict(type='SegDataPreProcessor', size=(64, 64)),
            backbone=copy.deepcopy(backbone),
            decode_head=dict(
                type='AffinityHead', in_channels=widths, num_classes=3, channels=(4, 6, 8)
            ),
        )
    )
    model.init_weights()
    return model


def plain_affinity(features, radius):
    """Pair by pair."""
    n, _, height, width = features.shape
    offsets = pair_offsets(radius)
    result = features.new_zeros(n, len(offsets), height, width)
    for p, (dy, dx) in enumerate(offsets):
        for y in range(height):
            for x in range(width):
                if y + dy < height and 0 <= x + dx < width:
                    difference = features[:, :, y, x] - features[:, :, y + dy, x + dx]
                    result[:, p, y, x] = torch.exp(-difference.abs().mean(dim=1))
    return result


def plain_loss(affinity, labels, radius):
    """Pair by pair."""
    terms = dict(background=[], foreground=[], negative=[])
    height, width = labels.shape[1:]
    for n in range(len(labels)):
        for p, (dy, dx) in enumerate(pair_offsets(radius)):
            for y in range(height - dy):
                for x in range(max(0, -dx), width - max(0, dx)):
                    a, b = int(labels[n, y, x]), int(labels[n, y + dy, x + dx])
                    value = float(affinity[n, p, y, x])
                    if 255 in (a, b):
                        continue
                    if a != b:
                        terms['negative'].append(-math.log(1 + 1e-5 - value))
                    else:
                        kind = 'foreground' if a else 'background'
                        terms[kind].append(-math.log(value + 1e-5))
    mean = {k: sum(v) / max(1, len(v)) for k, v in terms.items()}
    return mean['background'] / 4 + mean['foreground'] / 4 + mean['negative'] / 2


@pytest.mark.parametrize('size', [(6, 7), (1, 1), (2, 9), (9, 2)])
def test_affinities_and_gradients(size):
    torch.manual_seed(0)
    features = torch.randn(2, 3, *size, dtype=torch.double, requires_grad=True)
    affinity = neighbour_affinity(features, 4)
    expected = plain_affinity(features, 4) + 0 * features.sum()
    torch.testing.assert_close(affinity, expected)
    weight = torch.rand_like(affinity)
    found = torch.autograd.grad((affinity * weight).sum(), features)[0]
    torch.testing.assert_close(
        found, torch.autograd.grad((expected * weight).sum(), features)[0]
    )
    mask = neighbour_mask(*size, 4)
    assert torch.equal(affinity[0] > 0, mask)


@pytest.mark.parametrize('values', [(0, 1, 2, 255), (0, 255), (1,), (255,)])
def test_loss_equals_the_plain_form(values):
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(2, 5, 6, 7, generator=generator)
    index = torch.randint(len(values), (2, 6, 7), generator=generator)
    labels = torch.tensor(values)[index]
    affinity = neighbour_affinity(features).requires_grad_()
    loss = PairAffinityLoss()(affinity, labels)
    assert loss.item() == pytest.approx(plain_loss(affinity, labels, 5), rel=1e-5)
    (gradient,) = torch.autograd.grad(loss, affinity)
    assert torch.isfinite(gradient).all()
    assert (gradient != 0).any() == (values != (255,))


def test_labels_and_affinities_that_do_not_fit():
    with pytest.raises(ValueError, match='do not fit'):
        PairAffinityLoss()(torch.rand(1, 34, 5, 6), torch.zeros(1, 5, 5))


@pytest.mark.parametrize('name', BACKBONES)
def test_any_backbone_learns(name):
    model = make_model(name).train()
    labels = torch.zeros(2, 1, 64, 64, dtype=torch.long)
    labels[:, :, 20:44, 20:44], labels[:, :, 18:20] = 2, 255
    samples = [SegDataSample(gt_sem_seg=PixelData(data=x)) for x in labels]
    images = torch.randn(2, 3, 64, 64)
    images[:, 0, 20:44, 20:44] += 2
    head = model.decode_head
    optimizer = torch.optim.SGD(head.parameters(), 1e-4)
    values = []
    for _ in range(3):
        loss = model(images, samples, mode='loss')['decode.loss_affinity']
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        values.append(loss.item())
    assert values[2] < values[0]
    assert head.reduce[0].weight.grad.abs().max() > 0
    assert model.affinities(images).shape == (2, 34, 8, 8)


@pytest.mark.parametrize('size', [(1, 1), (37, 50), (64, 9)])
def test_walk_on_any_image_size(size):
    model = make_model().eval()
    scores = torch.rand(3, *size)
    walked = model.walk(torch.randn(1, 3, *size), scores)
    assert walked.shape == scores.shape
    assert torch.isfinite(walked).all()
    zero = model.walk(torch.randn(1, 3, *size), torch.zeros(2, *size))
    assert zero.abs().max() == 0


@pytest.mark.parametrize('size', [(37, 50), (40, 48), (65, 9)])
def test_walk_is_the_published_one(size):
    """Padded to whole cells, walked by the dense matrix, enlarged by 8 and cropped."""
    model = make_model().eval()
    image, scores = torch.randn(1, 3, *size), torch.rand(3, *size)
    walked = model.walk(image, scores, beta=2, num_steps=4)
    rows, columns = -(-size[0] // 8), -(-size[1] // 8)
    padded = torch.zeros(1, 3, rows * 8, columns * 8)
    padded[..., : size[0], : size[1]] = image
    affinity = model.affinities(padded)[0]
    matrix = torch.eye(rows * columns)
    for p, (dy, dx) in enumerate(pair_offsets(5)):
        for y in range(rows - dy):
            for x in range(max(0, -dx), columns - max(0, dx)):
                i, j = y * columns + x, (y + dy) * columns + x + dx
                matrix[i, j] = matrix[j, i] = affinity[p, y, x] ** 2
    matrix = torch.linalg.matrix_power(matrix / matrix.sum(0), 4)
    cells = torch.zeros(3, rows * 8, columns * 8)
    cells[:, : size[0], : size[1]] = scores
    cells = cells.view(3, rows, 8, columns, 8).mean(dim=(2, 4)).flatten(1)
    cells = (cells @ matrix).view(1, 3, rows, columns)
    expected = torch.nn.functional.interpolate(cells, scale_factor=8, mode='bilinear')
    expected = expected[0, :, : size[0], : size[1]]
    torch.testing.assert_close(walked, expected, rtol=1e-4, atol=1e-5)


def test_cells_take_the_label_of_their_centre():
    head = make_model().decode_head
    labels = torch.arange(20 * 10).view(1, 20, 10)
    expected = [[4 * 10 + 4, 4 * 10 + 9], [124, 129], [194, 199]]
    assert head.cell_labels(labels)[0].tolist() == expected


def test_runner_trains_it(toy_root, tmp_path):
    model = dict(
        type='AffinitySegmentor',
        data_preprocessor=dict(type='SegDataPreProcessor', size=(48, 48), seg_pad_val=255),
        backbone=BACKBONES['mobilenetv2'][0],
        decode_head=dict(
            type='AffinityHead', in_channels=(8, 24, 80), num_classes=3, channels=(4, 4, 4)
        ),
    )
    config = toy_config(toy_root, tmp_path, model, max_iters=2)
    data = config.val_dataloader.dataset
    data.ann_file = 'train.txt'
    data.pipeline = [
        dict(type='LoadImageFromFile'),
        dict(type='LoadAnnotations'),
        dict(type='RandomCrop', crop_size=(48, 48)),
        dict(type='PackSegInputs'),
    ]
    config.train_dataloader.dataset = data
    for key in ('val_dataloader', 'val_evaluator', 'val_cfg'):
        config[key] = None
    config.train_cfg.pop('val_interval')
    config.custom_hooks = [dict(type='IterationSeedHook')]
    runner = Runner.from_cfg(config)
    runner.train()
    assert runner.message_hub.get_scalar('train/decode.loss_affinity').current() > 0


def test_mistakes_in_the_config():
    head = dict(type='AffinityHead', in_channels=(4, 8), num_classes=3)
    with pytest.raises(ValueError, match='must be as long'):
        MODELS.build(head)
    model = dict(
        type='AffinitySegmentor',
        backbone=BACKBONES['mobilenetv2'][0],
        decode_head=dict(type='CAMHead', in_channels=80, num_classes=3),
    )
    with pytest.raises(ValueError, match='needs an AffinityHead'):
        MODELS.build(model)
    with pytest.raises(NotImplementedError, match='does not segment by itself'):
        make_model().predict(torch.rand(1, 3, 8, 8))


def save_model(folder):
    """Config and checkpoint of a network."""
    model = make_model()
    backbone, widths = BACKBONES['mobilenetv2']
    head = dict(type='AffinityHead', in_channels=widths, num_classes=3, channels=(4, 6, 8))
    preprocessor = dict(
        type='SegDataPreProcessor',
        mean=[127.5] * 3,
        std=[60.0] * 3,
        bgr_to_rgb=True,
        size=(64, 64),
    )
    config = dict(
        type='AffinitySegmentor',
        data_preprocessor=preprocessor,
        backbone=backbone,
        decode_head=head,
    )
    Config(dict(model=config)).dump(folder / 'affinity.py')
    torch.save(dict(state_dict=model.state_dict()), folder / 'affinity.pth')
    return model.eval(), str(folder / 'affinity.py'), str(folder / 'affinity.pth')


def test_step_of_label_making(tmp_path):
    model, *files = save_model(tmp_path)
    config = dict(type='affinity_walk', config=files[0], checkpoint=files[1], num_steps=8)
    step = build_refinement(config)
    image, scores = torch.rand(1, 3, 33, 50), torch.rand(1, 3, 33, 50)
    walked = step(image, scores)
    inputs = (image * 255 - 127.5) / 60
    torch.testing.assert_close(walked[0], model.walk(inputs, scores[0], num_steps=8))
    again = pickle.loads(pickle.dumps(step))
    torch.testing.assert_close(again(image, scores), walked)
    # A large image is seen smaller; its scores keep their size.
    config['max_side'] = 24
    assert build_refinement(config)(image, scores).shape == scores.shape


def test_mistakes_of_the_step(tmp_path):
    _, *files = save_model(tmp_path)
    good = dict(type='affinity_walk', config=files[0], checkpoint=files[1])
    with pytest.raises(FileNotFoundError, match='nowhere.pth'):
        build_refinement({**good, 'checkpoint': 'nowhere.pth'})
    with pytest.raises(ValueError, match='beta must be > 0'):
        build_refinement({**good, 'beta': 0})
    with pytest.raises(ValueError, match='unexpected keyword'):
        build_refinement({**good, 'gamma': 0})


def test_mode_tensor_gives_affinities():
    model = make_model().eval()
    inputs = torch.rand(1, 3, 64, 48)
    torch.testing.assert_close(model(inputs, mode='tensor'), model.affinities(inputs))
