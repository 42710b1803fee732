"""Prompts of clicks against the library's processor and against an oracle."""

import copy
import json
import shutil
from importlib.util import find_spec

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.dataset import Compose
from mmengine.runner import Runner
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from PIL import Image
from scipy import ndimage
from toy import toy_config, toy_model
from toy_promptable import PROMPTABLE, SIDE, Oracle, save_promptable

from mmseg_weak.cli import run_verb
from mmseg_weak.labelling import PromptableLabeller, make_labels
from mmseg_weak.models import HeterogeneousPseudoLabelHead
from mmseg_weak.models.promptable import (
    ClickGroup,
    PromptableNetwork,
    class_probabilities,
    group_clicks,
)
from mmseg_weak.models.promptable.click_masks import (
    choose_mask,
    click_agreement,
    peer_agreement,
    prompts,
)
from mmseg_weak.models.promptable.peer import PromptablePeer, click_points

SIZES = ((40, 57), (90, 30), (64, 64))


@pytest.fixture(scope='module')
def folders(tmp_path_factory):
    """Tiny random models, saved by the library."""
    pytest.importorskip('transformers', reason='transformers is not installed')
    root = tmp_path_factory.mktemp('promptable')
    for kind in PROMPTABLE:
        save_promptable(kind, root / kind)
    return root


def picture(size, seed=0):
    """Random uint8 image (H, W, 3)."""
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


def to_unit(image):
    return torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255


POINTS = torch.tensor([[[3.0, 5.0], [20.0, 30.0]], [[7.0, 31.0], [11.0, 2.0]]])
LABELS = torch.tensor([[1, 0], [1, 1]])


BOXES = torch.tensor([[2.0, 4.0, 25.0, 35.0], [5.0, 1.0, 29.0, 33.0]])


@pytest.mark.parametrize('kind', ['sam', 'sam_hq'])
@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('told', ['points', 'boxes', 'both'])
def test_masks_are_those_of_the_library_and_its_processor(folders, size, kind, told):
    import transformers
    from transformers.models.sam.image_processing_pil_sam import SamImageProcessorPil

    processors = dict(sam='SamProcessor', sam_hq='SamHQProcessor')
    processor = getattr(transformers, processors[kind])(
        SamImageProcessorPil(
            size=dict(longest_edge=SIDE), pad_size=dict(height=SIDE, width=SIDE)
        )
    )
    model = getattr(transformers, PROMPTABLE[kind][0])
    model = model.from_pretrained(folders / kind).eval()
    image = picture(size)
    given = dict(input_points=[POINTS.tolist()], input_labels=[LABELS.tolist()])
    given = {} if told == 'boxes' else given
    if told != 'points':
        given['input_boxes'] = [BOXES.tolist()]
    inputs = processor(Image.fromarray(image), **given, return_tensors='pt')
    names = ('pixel_values', 'input_points', 'input_labels', 'input_boxes')
    values = {name: inputs[name] for name in names if name in inputs}
    for name in {'input_points', 'input_boxes'} & values.keys():
        values[name] = values[name].float()
    with torch.no_grad():
        result = model(**values)
    expected = processor.image_processor.post_process_masks(
        result.pred_masks,
        inputs['original_sizes'],
        inputs['reshaped_input_sizes'],
        binarize=False,
    )[0]
    check_masks(folders / kind, image, told, expected, result.iou_scores[0])


def check_masks(folder, image, told, expected, qualities):
    """Compare what the library says, as the network asks it, with what is expected."""
    size = image.shape[:2]
    network = PromptableNetwork.from_pretrained(str(folder))
    points, labels = POINTS, LABELS
    if told == 'boxes':
        points, labels = POINTS[:, :0], LABELS[:, :0]
    boxes = None if told == 'points' else BOXES
    embeddings = network.embed(to_unit(image))
    found, quality = network.decode(embeddings, size, points, labels, boxes)
    found = network.enlarge(found, size)
    assert expected.shape == (2, 3, *size) and expected.std() > 1e-3
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(quality, qualities, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('told', ['points', 'boxes', 'both'])
def test_sam2_says_what_the_library_says(folders, size, told):
    """Its processor needs torchvision; squares and prompts are made by hand here."""
    import transformers

    model = transformers.Sam2Model.from_pretrained(folders / 'sam2').eval()
    image = picture(size)
    square = np.array(Image.fromarray(image).resize((SIDE, SIDE), Image.BILINEAR))
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    values = (square / 255 - mean) / std
    scale = transformers.Sam2Processor._normalize_coordinates
    given = {}
    if told != 'boxes':
        given['input_points'] = scale(None, SIDE, POINTS, size)[None]
        given['input_labels'] = LABELS[None]
    if told != 'points':
        boxes = scale(None, SIDE, BOXES, size, is_bounding_box=True)
        given['input_boxes'] = boxes.reshape(1, 2, 4)
    with torch.no_grad():
        result = model(
            pixel_values=torch.from_numpy(values).permute(2, 0, 1)[None].float(), **given
        )
    expected = F.interpolate(result.pred_masks[0], size, mode='bilinear')
    check_masks(folders / 'sam2', image, told, expected, result.iou_scores[0])


def paint(size=(60, 90)):
    """Two touching objects of other classes and a lonely one, on grey; their classes."""
    mask = np.zeros(size, int)
    mask[10:30, 10:30] = 1
    mask[10:30, 30:50] = 2
    mask[40:55, 60:85] = 1
    colours = np.array([(128, 128, 128), (220, 40, 40), (40, 40, 220)], np.uint8)
    return colours[mask], mask


CLICKS = np.array([[15, 20], [40, 15], [70, 50], [5, 5]])  # column, row
CLASSES = np.array([1, 2, 1, 0])


def probabilities(oracle, image, xy, classes, **options):
    network = PromptableNetwork(oracle)
    groups = group_clicks(xy, classes, 10)
    size = image.shape[:2]
    probs = class_probabilities(
        network, lambda: network.embed(to_unit(image)), size, groups, 3, **options
    )
    assert probs.shape == (1, 3, *size)
    torch.testing.assert_close(probs.sum(1), torch.ones(1, *size))
    return probs[0]


@pytest.mark.parametrize('kind', ['sam', 'sam2'])
@pytest.mark.parametrize('size', [(60, 90), (120, 100)])
def test_an_oracle_gets_the_masks_back(kind, size):
    image, mask = paint(size)
    found = probabilities(Oracle(kind), image, CLICKS, CLASSES).argmax(0).numpy()
    # Resizing back moves borders by less than a pixel.
    border = ndimage.grey_dilation(mask, 3) != ndimage.grey_erosion(mask, 3)
    assert (found == mask)[~border].all() and (found != mask).mean() < 0.02


@pytest.mark.parametrize('kind', ['sam', 'sam2'])
def test_negative_prompts_cut_the_neighbour_off(kind):
    image, _ = paint()
    alone = probabilities(Oracle(kind), image, CLICKS[:1], CLASSES[:1])
    assert (alone[1][12:28, 32:48] > 0.9).all()  # both objects are one blob
    oracle = Oracle(kind)
    both = probabilities(oracle, image, CLICKS, CLASSES)
    assert (both[1][12:28, 32:48] < 0.1).all() and (both[2][12:28, 32:48] > 0.9).all()
    # What the model saw: the click of a group is positive, all others but those of its
    # class are negative.
    assert sorted(sum(labels) for _, labels in oracle.prompted) == [1, 1, 1]
    assert sorted(len(labels) for _, labels in oracle.prompted) == [3, 3, 4]


@pytest.mark.parametrize('kind', ['sam', 'sam2'])
@pytest.mark.parametrize('size', [(60, 90), (90, 60), (300, 400), (50, 50)])
def test_a_click_stays_on_its_place(kind, size):
    """A pixel that is lit is where the model is pointed at, through resize and padding."""
    row, column = size[0] // 3, 2 * size[1] // 3
    image = np.zeros((*size, 3), np.uint8)
    image[row - 2 : row + 3, column - 2 : column + 3] = 255
    oracle = Oracle(kind)
    network = PromptableNetwork(oracle)
    values = network.embed(to_unit(image))[-1][0]
    assert values.shape == (3, 256, 256)
    y, x = ndimage.center_of_mass((values > 0.5).all(0).numpy())
    seen = []
    oracle.of = lambda colours, points, labels: seen.append(points) or torch.zeros(3, 8, 8)
    point = torch.tensor([[[float(column), float(row)]]])
    network.decode((values[None],), size, point, torch.ones(1, 1, dtype=torch.long))
    # The library leaves out half a pixel of the image when it moves points.
    limit = 0.5 * 256 / min(size) + 1
    assert abs(seen[0][0][0] - x) <= limit and abs(seen[0][0][1] - y) <= limit


@pytest.mark.parametrize('kind', ['sam', 'sam2'])
@pytest.mark.parametrize('seed', range(4))
def test_a_click_stays_on_its_place_through_resize_crop_and_flip(kind, seed):
    """The pipeline moves it, the peer reads it, the model is pointed at what it showed."""
    rng = np.random.default_rng(seed)
    row, column = rng.integers(30, 70), rng.integers(40, 80)
    image = np.zeros((100, 120, 3), np.uint8)
    image[row - 4 : row + 5, column - 4 : column + 5] = 255
    steps = [
        dict(type='LoadClicks'),
        dict(type='Resize', scale=(180, 150), keep_ratio=True),
        dict(type='ClickRandomCrop', crop_size=(130, 150)),
        dict(type='RandomFlip', prob=float(seed % 2)),
        dict(type='RasterizeClicks', radius=2),
        dict(type='PackWeakSegInputs'),
    ]
    np.random.seed(seed)
    known = dict(clicks=[[column, row]], click_labels=[1], img_path='x', seg_fields=[])
    packed = Compose(steps)(dict(img=image, img_shape=(100, 120), **known))
    oracle, seen = Oracle(kind), []

    def of(colours, points, labels):
        lit = (colours > 0.5).all(axis=2)
        seen.append((points[0], ndimage.center_of_mass(lit)[::-1]))
        return torch.zeros(3, 8, 8)

    oracle.of = of
    peer = PromptablePeer('oracle')
    peer._network = PromptableNetwork(oracle)
    sample = packed['data_samples']
    unit = packed['inputs'][None].float() / 255
    size = torch.tensor([unit.shape[2:]])
    peer.probabilities(unit, sample.gt_sem_seg.data, [sample], size, 3)
    (point, centre), limit = seen[0], 1.0 * 256 / min(unit.shape[2:]) + 1
    assert np.abs(np.subtract(point, centre)).max() <= limit


def test_clicks_are_connected_over_small_gaps():
    xy = np.array([[0, 0], [4, 0], [8, 0], [30, 0], [6, 1], [50, 50]])
    labels = np.array([1, 1, 1, 1, 2, 0])
    groups = group_clicks(xy, labels, 5, exclusions=np.array([[9, 31, 1], [9, 31, 2]]))
    assert [(g.label, len(g.positives), len(g.negatives)) for g in groups] == [
        (1, 3, 3),
        (1, 1, 3),
        (2, 1, 6),
    ]
    # Nearest first; an exclusion is column, row here.
    assert groups[0].negatives.tolist() == [[6, 1], [31, 9], [50, 50]]
    assert groups[1].negatives.tolist() == [[31, 9], [6, 1], [50, 50]]
    everything = group_clicks(xy, labels, 100, background=None)
    assert [(g.label, len(g.positives)) for g in everything] == [(0, 1), (1, 4), (2, 1)]
    points, signs = prompts(everything[1], 2)
    assert points.tolist() == [[0, 0], [30, 0], [6, 1], [50, 50]]
    assert signs.tolist() == [1, 1, 0, 0]


def test_the_mask_that_agrees_with_the_clicks_is_taken():
    masks = torch.full((3, 4, 4), -1.0)
    masks[0] = 1  # also over the negative
    masks[1, 0, 0] = 1  # one of two positives
    masks[2, 0] = 1  # right
    group = ClickGroup(1, np.array([[0, 0], [3, 0]]), np.array([[0, 3]]))
    agreement = click_agreement(masks > 0, group)
    assert agreement.tolist() == pytest.approx([0.5, 0.75, 1])
    offer = masks, agreement, torch.tensor([0.9, 0.8, 0.1])
    network = PromptableNetwork(Oracle('sam2'))
    assert choose_mask(network, offer, (4, 4)) == 2
    inside = torch.ones(4, 4)  # peers do not overrule clicks
    assert choose_mask(network, offer, (4, 4), inside) == 2
    # A box says how much of a mask is right, and of itself, with clicks and without.
    fits = [1 / 4, 1 / 2, 1 / 2 * 3 / 4]
    boxed = group._replace(box=np.array([0, 0, 2, 2]))
    found = click_agreement(masks > 0, boxed).tolist()
    expected = [(1 + 0 + fits[0]) / 3, (0.5 + 1 + fits[1]) / 3, (2 + fits[2]) / 3]
    assert found == pytest.approx(expected)
    bare = ClickGroup(1, np.zeros((0, 2)), np.zeros((0, 2)), np.array([0, 0, 2, 2]))
    assert click_agreement(masks > 0, bare).tolist() == pytest.approx(fits)


def test_of_masks_with_the_same_clicks_peers_choose():
    masks = torch.full((3, 4, 4), -1.0)
    masks[0] = masks[1, :2] = masks[2, 0] = 1
    probs = torch.full((4, 4), 0.1)
    probs[:2] = 0.8
    found = peer_agreement(masks > 0, probs)
    slow = []
    for mask in masks > 0:
        pairs = [(bool(m), float(p)) for m, p in zip(mask.ravel(), probs.ravel())]
        common = sum(p for m, p in pairs if m)
        slow.append(common / sum(1 if m else p for m, p in pairs))
    assert found.tolist() == pytest.approx(slow)
    offer = masks, torch.ones(3), torch.tensor([0.9, 0.1, 0.5])
    network = PromptableNetwork(Oracle('sam2'))
    assert choose_mask(network, offer, (4, 4)) == 0  # the model's own opinion
    assert choose_mask(network, offer, (4, 4), probs) == 1
    offer = masks, torch.tensor([0.5, 0.9, 1.0]), offer[2]
    assert choose_mask(network, offer, (4, 4), probs) == 2  # clicks come first
    assert peer_agreement(masks < -5, probs).tolist() == [0, 0, 0]  # nothing is masked


def test_boxes_are_groups_with_the_clicks_inside():
    xy = np.array([[5, 5], [25, 25], [90, 90], [6, 6]])
    labels = np.array([1, 1, 1, 2])
    boxes = np.array(
        [
            [0, 0, 50, 50, 1],  # holds the small one: only the second click is left
            [0, 0, 10, 10, 1],
            [60, 0, 80, 10, 2],  # without a click
            [3, 3, 3, 9, 1],  # cut away by a crop
            [0, 0, 9, 9, 0],  # background
        ]
    )
    groups = group_clicks(xy, labels, 5, boxes=boxes)
    found = [
        (g.label, g.positives.tolist(), None if g.box is None else g.box.tolist())
        for g in groups
    ]
    assert found == [
        (1, [[5, 5]], [0, 0, 10, 10]),
        (1, [[25, 25]], [0, 0, 50, 50]),
        (1, [[90, 90]], None),
        (2, [], [60, 0, 80, 10]),
        (2, [[6, 6]], None),
    ]
    # Nearest to the middle of a box without clicks.
    assert groups[3].negatives[0].tolist() == [25, 25]


def test_an_object_may_have_a_box_and_no_click():
    image, mask = paint()
    oracle = Oracle('sam')
    boxes = np.array([[60, 40, 85, 55, 1]])
    groups = group_clicks(CLICKS[1::2], CLASSES[1::2], 10, boxes=boxes)
    network = PromptableNetwork(oracle)
    probs = class_probabilities(
        network, lambda: network.embed(to_unit(image)), mask.shape, groups, 3
    )
    assert (probs[0, 1][42:53, 62:83] > 0.9).all()
    assert sorted(box is not None for box in oracle.boxes) == [False, True]


def test_without_background_the_rest_is_unknown():
    image, mask = paint()
    probs = probabilities(Oracle('sam'), image, CLICKS, CLASSES, background=None)
    far = ndimage.distance_transform_edt(mask == 0) > 3
    assert (probs[:, torch.from_numpy(far)] < 0.5).all()
    assert (probs[1][13:27, 13:27] > 0.9).all()


def test_points_are_read_from_drawn_clicks():
    labels = np.full((50, 80), 255)
    y, x = np.mgrid[:50, :80]
    labels[(y - 20) ** 2 + (x - 30) ** 2 <= 9] = 1
    labels[(y - 1) ** 2 + (x - 78) ** 2 <= 9] = 2  # cut by the border
    labels[40, 5:75] = 2  # a stroke
    labels[10, 10] = 0
    xy, classes = click_points(labels)
    found = {tuple(p): c for p, c in zip(xy.tolist(), classes.tolist())}
    assert found[30, 20] == 1 and found[10, 10] == 0
    assert all(labels[y, x] == label for (x, y), label in found.items())
    stroke = sorted(x for (x, y), _ in found.items() if y == 40)
    assert stroke == [20, 52, 71]  # middles of 5–36, 37–68 and 69–74
    empty = click_points(np.full((4, 4), 255))
    assert empty[0].shape == (0, 2) and empty[1].shape == (0,)


def click_sample(mask, xy, classes, valid):
    """A sample with clicks drawn as single pixels."""
    labels = torch.full((1, *mask.shape), 255)
    labels[0, xy[:, 1], xy[:, 0]] = torch.from_numpy(classes)
    sample = SegDataSample(gt_sem_seg=PixelData(data=labels))
    present = tuple(sorted(set(classes.tolist()) - {0}))
    sample.set_metainfo(dict(img_shape=valid, image_classes=present))
    return sample


def test_an_oracle_is_a_peer_in_training():
    head = HeterogeneousPseudoLabelHead(
        promptable=dict(model='oracle', group_distance=0.01, rest='background')
    )
    oracle = Oracle('sam')
    head.promptable._network = PromptableNetwork(oracle)
    image, mask = paint()
    valid = (57, 88)
    samples = [
        click_sample(mask, CLICKS, CLASSES, valid),
        click_sample(mask, CLICKS[3:], CLASSES[3:], valid),  # background alone
    ]
    preprocessor = MODELS.build(dict(type='WeakSegDataPreProcessor', bgr_to_rgb=True))
    inputs = torch.from_numpy(image).permute(2, 0, 1).float().repeat(2, 1, 1, 1)
    clicks = torch.cat([sample.gt_sem_seg.data for sample in samples])
    labels, scores = head._online(3, inputs, clicks, samples, preprocessor)
    assert oracle.embedded == 1  # there is nothing to ask of the second
    expected = np.where(np.pad(np.ones(valid), ((0, 3), (0, 2))) > 0, mask, 255)
    inner = ndimage.grey_dilation(mask, 3) == ndimage.grey_erosion(mask, 3)
    assert (labels[0].numpy() == expected)[inner].all()
    torch.testing.assert_close(scores.sum(1), torch.ones(2, *mask.shape))
    assert (labels[1] != 255).sum() == 1
    logits = torch.zeros(2, 3, 15, 23, requires_grad=True)
    losses = head(logits, inputs, samples, preprocessor)
    losses['loss_hpl'].backward()
    assert logits.grad[0].abs().sum() > 0 and losses['hpl_coverage'] > 40
    assert copy.deepcopy(head).promptable is head.promptable
    assert not head.state_dict() and not list(head.parameters())


def test_students_train_with_sam_beside_another_network(folders, toy_root, tmp_path):
    model = toy_model(
        pseudo_label=dict(
            type='HeterogeneousPseudoLabelHead',
            threshold=0.3,
            promptable=dict(model=str(folders / 'sam2')),
        )
    )
    runner = Runner.from_cfg(toy_config(toy_root, tmp_path, model, 2))
    runner.train()
    state = torch.load(tmp_path / 'iter_2.pth', weights_only=False)['state_dict']
    plain = toy_model()
    plain['type'] = 'EncoderDecoder'
    MODELS.build(plain).load_state_dict(state)


@pytest.fixture
def config(toy_root, tmp_path):
    config = toy_config(toy_root, tmp_path, toy_model())
    config.custom_imports = dict(imports=['mmseg_weak'], allow_failed_imports=False)
    config.dump(tmp_path / 'data.py')
    return config


@pytest.mark.parametrize('kind', ['sam', 'sam2'])
def test_labels_of_the_tool_and_stored_embeddings(
    folders, config, toy_root, tmp_path, capsys, monkeypatch, kind
):
    words = ['--data', tmp_path / 'data.py', '--model', folders / kind]
    words += ['--threshold', '0.4', '--masks', toy_root / 'masks']

    def label(name, *more):
        run_verb('label', [str(w) for w in (*words, '--out', tmp_path / name, *more)])
        return {p.name: np.array(Image.open(p)) for p in (tmp_path / name).glob('*.png')}

    plain = label('plain')
    assert len(plain) == 12 and 'mIoU' in capsys.readouterr().out
    first = label('first', '--embeddings', tmp_path / 'store')
    stored = [path.name for path in (tmp_path / 'store').rglob('*.pt')]
    assert len(stored) == 24 and sum(name.endswith('.masks.pt') for name in stored) == 12

    def refuse(*_):
        raise AssertionError('what is stored is computed again')

    monkeypatch.setattr(PromptableNetwork, 'embed', refuse)
    again = label('again', '--embeddings', tmp_path / 'store', '--max-points', '1')
    assert len(again) == 12  # other prompts on the same embeddings
    monkeypatch.setattr(PromptableNetwork, 'decode', refuse)
    second = label('second', '--embeddings', tmp_path / 'store')
    for name, labels in plain.items():
        assert (labels == first[name]).all() and (labels == second[name]).all()
        clicks = json.loads((toy_root / 'clicks.json').read_text())[name[:-4]]
        assert all(labels[c['y'], c['x']] == c['cls'] for c in clicks)
    settings = json.loads((tmp_path / 'first/manifest.json').read_text())['settings']
    assert settings['model'].startswith(f'{kind}@') and 'embeddings' not in settings


def test_an_oracle_labels_the_toy_set(config, toy_root, tmp_path, monkeypatch):
    """Clicks alone, through the whole tool: labels are the masks, noise aside."""
    monkeypatch.setattr(
        PromptableLabeller, '_load', lambda self: PromptableNetwork(Oracle('sam'))
    )
    monkeypatch.setattr(
        'mmseg_weak.labelling.labellers.promptable.identity', lambda *_: 'oracle'
    )
    labeller = PromptableLabeller(model='oracle', group_distance=0.01)
    report = make_labels(
        config, labeller, str(tmp_path / 'x'), masks=str(toy_root / 'masks')
    )
    assert report['mIoU'] > 85


def test_the_image_part_of_a_video_model_is_taken(folders, tmp_path):
    """The published folders of SAM 2 hold video models."""
    shutil.copytree(folders / 'sam2', tmp_path / 'video')
    path = tmp_path / 'video/config.json'
    settings = json.loads(path.read_text())
    path.write_text(json.dumps(dict(settings, model_type='sam2_video')))
    one, other = (
        PromptableNetwork.from_pretrained(str(folder))
        for folder in (folders / 'sam2', tmp_path / 'video')
    )
    image = to_unit(picture((40, 57)))
    for found, expected in zip(other.embed(image), one.embed(image)):
        torch.testing.assert_close(found, expected)


def test_mistakes_are_told_in_one_line(folders, config, tmp_path):
    from safetensors.torch import load_file, save_file

    def refuse(text, error=ValueError, **options):
        with pytest.raises(error, match=text) as caught:
            make_labels(config, PromptableLabeller(**options), str(tmp_path / 'x'))
        assert '\n' not in str(caught.value)

    refuse('give a model')
    refuse('group_distance must be in', model='x', group_distance=2)
    refuse('max_points must be >= 1', model='x', max_points=0)
    refuse("rest must be background or unknown, got 'x'", model='x', rest='x')
    refuse('the folder .*none does not exist', FileNotFoundError, model='/none')
    refuse('downloads are switched off', model='facebook/x', local_files_only=True)
    part = tmp_path / 'part'
    shutil.copytree(folders / 'sam', part)
    weights = load_file(part / 'model.safetensors')
    weights.pop('vision_encoder.patch_embed.projection.weight')
    save_file(weights, part / 'model.safetensors', metadata=dict(format='pt'))
    refuse('part lacks 1 weights, such as vision_enc', model=str(part))
    other = tmp_path / 'other'
    shutil.copytree(folders / 'sam', other)
    (other / 'config.json').write_text('{"model_type": "dinov2"}')
    refuse('is a dinov2, which takes no points; there are sam, sam_hq', model=str(other))
    if find_spec('timm') is None:
        (other / 'config.json').write_text('{"model_type": "edgetam"}')
        refuse('other needs what is not installed: pip install .*timm', model=str(other))
