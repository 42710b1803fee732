import copy

import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from toy import CLASSES, toy_model

from mmseg_weak.models import HeterogeneousPseudoLabelHead, PartialCrossEntropyLoss
from mmseg_weak.models.inference.peers import (
    PeerNetworks,
    load_network,
    predict_probabilities,
)
from mmseg_weak.models.inputs.image_values import from_unit_rgb, to_unit_rgb


def peer_model(channels=4, num_classes=3, **preprocessor):
    """Another width and normalisation than the student's."""
    model = toy_model()
    model['type'] = 'EncoderDecoder'
    model['decode_head'].update(channels=channels, num_classes=num_classes)
    model['data_preprocessor'].update(preprocessor)
    return model


def save_peer(folder, name='peer', classes=CLASSES, seed=1, **changes):
    """Config and checkpoint of an untrained peer that is sure of itself."""
    torch.manual_seed(seed)
    model = MODELS.build(peer_model(**changes))
    model.decode_head.conv_seg.weight.data.mul_(300)
    paths = dict(config=f'{folder}/{name}.py', checkpoint=f'{folder}/{name}.pth')
    config = dict(model=peer_model(**changes), default_scope='mmseg')
    Config(config).dump(paths['config'])
    meta = dict(dataset_meta=dict(classes=classes))
    torch.save(dict(state_dict=model.state_dict(), meta=meta), paths['checkpoint'])
    return paths


def batch(n=2, size=24, valid=20, seed=0):
    generator = torch.Generator().manual_seed(seed)
    samples = []
    for _ in range(n):
        labels = torch.full((1, size, size), 255)
        labels[0, 3, 4], labels[0, 5, 6] = 0, 1
        sample = SegDataSample(gt_sem_seg=PixelData(data=labels))
        sample.set_metainfo(dict(img_shape=(valid, size), image_classes=(1,)))
        samples.append(sample)
    return torch.randn(n, 3, size, size, generator=generator), samples


def build(seed=0, **seminar):
    torch.manual_seed(seed)
    return MODELS.build(toy_model(**seminar)).train()


@pytest.mark.parametrize('bgr_to_rgb', [True, False])
@pytest.mark.parametrize('normalised', [True, False])
def test_images_are_recovered(bgr_to_rgb, normalised):
    values = dict(mean=[1.0, 2.0, 3.0], std=[4.0, 5.0, 6.0]) if normalised else {}
    preprocessor = MODELS.build(
        dict(type='WeakSegDataPreProcessor', bgr_to_rgb=bgr_to_rgb, size=(5, 6), **values)
    )
    bgr = torch.randint(0, 256, (3, 5, 6), dtype=torch.uint8)
    samples = [SegDataSample(gt_sem_seg=PixelData(data=torch.zeros(1, 5, 6)))]
    data = dict(inputs=[bgr], data_samples=samples)
    inputs = preprocessor(data, training=True)['inputs']
    images = to_unit_rgb(inputs, preprocessor)
    torch.testing.assert_close(images[0], bgr.flip(0) / 255)
    torch.testing.assert_close(from_unit_rgb(images, preprocessor), inputs)


def test_pseudo_label_holds_the_contract():
    head = HeterogeneousPseudoLabelHead(threshold=0.6)
    probs = torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7], [0.1, 0.8, 0.1]])
    probs = probs.T.reshape(1, 3, 1, 3)
    classes = torch.tensor([[True, True, False]])
    clicks = torch.tensor([[[255, 255, 0]]])
    labels = head.pseudo_label([probs], classes, clicks, torch.rand(1, 3, 1, 3)).labels
    # 5/8 is sure enough for background, 2/3 for class 1; the third pixel is clicked.
    assert labels.tolist() == [[[0, 1, 0]]]
    head = HeterogeneousPseudoLabelHead(threshold=0.65)
    labels = head.pseudo_label([probs], classes, clicks, torch.rand(1, 3, 1, 3)).labels
    assert labels.tolist() == [[[255, 1, 0]]]
    with pytest.raises(ValueError, match='at least one peer'):
        head.pseudo_label([], classes, clicks, torch.rand(1, 3, 1, 3))


@pytest.mark.parametrize('soft', [False, True])
@pytest.mark.parametrize('weighted', [False, True])
def test_loss_equals_plain_forms(soft, weighted):
    torch.manual_seed(0)
    peers = [dict(config='x.py', checkpoint='x.pth')]  # loaded when first used: never
    head = HeterogeneousPseudoLabelHead(
        peers, loss_weight=0.5, soft=soft, confidence_weight=weighted
    )
    logits = torch.randn(2, 3, 4, 5, requires_grad=True)
    scores = torch.rand(2, 3, 8, 10).softmax(1)
    labels = scores.argmax(1)
    labels[torch.rand(2, 8, 10) > 0.5] = 255
    loss = head.loss(logits, labels, scores if soft or weighted else None)
    upsampled = F.interpolate(logits, (8, 10), mode='bilinear')
    weight = scores.amax(1) if weighted else torch.ones(2, 8, 10)
    if soft:
        each = -(scores * upsampled.log_softmax(1)).sum(1)
        keep = labels != 255
        expected = 0.5 * (each * weight)[keep].sum() / weight[keep].sum()
    else:
        expected = PartialCrossEntropyLoss(loss_weight=0.5)(upsampled, labels, weight)
    torch.testing.assert_close(loss, expected)


def test_loss_without_labels_is_zero():
    logits = torch.randn(1, 3, 4, 4, requires_grad=True)
    loss = HeterogeneousPseudoLabelHead().loss(logits, torch.full((1, 8, 8), 255))
    loss.backward()
    assert loss.item() == 0 and logits.grad.abs().max() == 0


def test_loss_keeps_double_precision():
    torch.manual_seed(0)
    logits = torch.randn(1, 3, 3, 4, dtype=torch.double, requires_grad=True)
    labels = torch.randint(0, 3, (1, 6, 8))
    labels[:, :2] = 255
    head = HeterogeneousPseudoLabelHead()
    assert head.loss(logits, labels).dtype == torch.double
    assert torch.autograd.gradcheck(lambda x: head.loss(x, labels), logits)
    assert head.loss(logits.half(), labels).dtype == torch.float32


REFINEMENT = dict(type='PixelAdaptiveRefinement', dilations=(1, 2), num_iters=2)


@pytest.mark.parametrize('refinement', [None, REFINEMENT])
def test_online_term_equals_its_steps_by_hand(tmp_path, refinement):
    peers = [
        save_peer(tmp_path, 'a', seed=1),
        save_peer(tmp_path, 'b', seed=2, channels=6, mean=[90.0] * 3, bgr_to_rgb=False),
    ]
    term = dict(type='HeterogeneousPseudoLabelHead', peers=peers, threshold=0.5)
    student = build(pseudo_label=dict(term, refinement=refinement))
    keys = set(build().state_dict())
    inputs, samples = batch()
    losses = copy.deepcopy(student).loss(inputs, samples)
    assert set(student.state_dict()) == keys
    assert not any('peer' in name for name, _ in student.named_modules())

    images = ((inputs * 60 + 127.5) / 255).clamp(0, 1)
    probs = []
    for i, paths in enumerate(peers):
        network = MODELS.build(Config.fromfile(paths['config']).model).eval()
        network.load_state_dict(torch.load(paths['checkpoint'])['state_dict'])
        view = images if i == 0 else images.flip(1)
        view = (view * 255 - (127.5 if i == 0 else 90)) / 60
        logits = F.interpolate(network._forward(view), (24, 24), mode='bilinear')
        probs.append(logits.softmax(1))
    head = HeterogeneousPseudoLabelHead(threshold=0.5, refinement=refinement)
    labels = head.pseudo_label(
        probs,
        torch.tensor([[True, True, False]] * 2),
        torch.cat([sample.gt_sem_seg.data for sample in samples]),
        images,
        torch.tensor([[20, 24]] * 2),
    ).labels
    assert (labels[:, 20:] == 255).all() and {0, 1} <= set(labels.unique().tolist())
    logits = F.interpolate(student._forward(inputs), (24, 24), mode='bilinear')
    expected = PartialCrossEntropyLoss()(logits, labels)
    torch.testing.assert_close(losses['loss_hpl'], expected)
    share = 100 * (labels != 255).float().mean()
    torch.testing.assert_close(losses['hpl_coverage'], share)


def test_peers_get_no_gradient_and_cost_one_forward(tmp_path, monkeypatch):
    peer = save_peer(tmp_path)
    options = dict(soft=True, confidence_weight=True, threshold=0.0)
    term = dict(type='HeterogeneousPseudoLabelHead', peers=[peer], **options)
    student = build(pseudo_label=term)
    calls = []
    forward = type(student.backbone).forward
    monkeypatch.setattr(
        type(student.backbone), 'forward', lambda m, x: calls.append(m) or forward(m, x)
    )
    inputs, samples = batch()
    losses = student.loss(inputs, samples)
    (network,) = student.pseudo_label.peers.networks('cpu')
    assert calls == [student.backbone, network.backbone]
    assert not network.training and student.train() and not network.training
    losses['loss_hpl'].backward()
    assert all(p.grad is None and not p.requires_grad for p in network.parameters())
    assert student.backbone.conv1.weight.grad.abs().max() > 0
    # Copies, such as the teacher, share the frozen networks.
    assert copy.deepcopy(student).pseudo_label.peers is student.pseudo_label.peers


def test_loading_a_peer_leaves_the_random_state(tmp_path):
    peer = save_peer(tmp_path)
    state = torch.get_rng_state()
    load_network(**peer)
    assert torch.equal(torch.get_rng_state(), state)


def test_scales_and_flips_come_back_in_place(tmp_path):
    network, classes = load_network(**save_peer(tmp_path))
    assert classes == CLASSES
    images = torch.rand(1, 3, 24, 20)
    plain = predict_probabilities(network, images)
    mirrored = predict_probabilities(network, images.flip(3), flip=True)
    torch.testing.assert_close(mirrored.flip(3), plain)
    scaled = F.interpolate(images, (36, 30), mode='bilinear')
    logits = network._forward((scaled * 255 - 127.5) / 60)
    for size in ((36, 30), (24, 20)):
        logits = F.interpolate(logits, size, mode='bilinear')
    result = predict_probabilities(network, images, scale=1.5, whole=False)
    torch.testing.assert_close(result, logits.softmax(1))
    assert predict_probabilities(network, images[..., :1, :1], scale=0.5).shape[2:] == (
        1,
        1,
    )


def test_networks_that_need_padding_get_it(tmp_path):
    peer = save_peer(tmp_path, test_cfg=dict(size_divisor=32))
    network, _ = load_network(**peer)
    images = torch.rand(1, 3, 24, 20)
    inputs = F.pad((images * 255 - 127.5) / 60, (0, 12, 0, 8))
    logits = F.interpolate(network._forward(inputs), (32, 32), mode='bilinear')
    expected = logits[..., :24, :20].softmax(1)
    torch.testing.assert_close(predict_probabilities(network, images), expected)


def first_loss(**options):
    build(pseudo_label=dict(type='HeterogeneousPseudoLabelHead', **options)).loss(*batch())


def test_bad_peers_are_named(tmp_path):
    peer = save_peer(tmp_path)
    wide = save_peer(tmp_path, 'wide', channels=12)
    more = save_peer(tmp_path, 'more', num_classes=4, classes=None)
    other = save_peer(tmp_path, 'other', classes=('background', 'disc', 'square'))
    (tmp_path / 'broken.pth').write_bytes(b'PK\x03\x04 half of a file')
    with pytest.raises(FileNotFoundError, match='checkpoint .*absent.pth does not exist'):
        first_loss(peers=[dict(peer, checkpoint=f'{tmp_path}/absent.pth')])
    with pytest.raises(FileNotFoundError, match='config .*absent.py does not exist'):
        first_loss(peers=[dict(peer, config=f'{tmp_path}/absent.py')])
    with pytest.raises(ValueError, match=r'wide.pth is not a checkpoint of .*peer\.py'):
        first_loss(peers=[dict(peer, checkpoint=wide['checkpoint'])])
    with pytest.raises(ValueError, match=r'broken.pth is no complete checkpoint'):
        first_loss(peers=[dict(peer, checkpoint=f'{tmp_path}/broken.pth')])
    with pytest.raises(ValueError, match=r'more.py predicts 4 classes, the student 3'):
        first_loss(peers=[more])
    with pytest.raises(ValueError, match=r'different classes: .*other.pth'):
        first_loss(peers=[peer, other])
    with pytest.raises(ValueError, match=r'a peer must be dict'):
        PeerNetworks([dict(config='x.py')])


def test_missing_or_unfit_labels_are_named():
    with pytest.raises(ValueError, match='LoadPseudoLabels'):
        first_loss()
    student = build(pseudo_label=dict(type='HeterogeneousPseudoLabelHead'))
    inputs, samples = batch()
    for sample in samples:
        sample.pseudo_sem_seg = PixelData(data=torch.zeros(1, 20, 24).long())
    with pytest.raises(ValueError, match='WeakSegDataPreProcessor'):
        student.loss(inputs, samples)
    with pytest.raises(ValueError, match='need online peers'):
        HeterogeneousPseudoLabelHead(soft=True)
    with pytest.raises(ValueError, match='loss_weight'):
        HeterogeneousPseudoLabelHead(loss_weight=-1)


def test_labels_from_disk_with_clicks_on_top():
    student = build(pseudo_label=dict(type='HeterogeneousPseudoLabelHead'))
    inputs, samples = batch()
    for sample in samples:
        sample.pseudo_sem_seg = PixelData(data=torch.full((1, 24, 24), 2))
        sample.pseudo_sem_seg.data[:, 10:] = 255
    losses = copy.deepcopy(student).loss(inputs, samples)
    expected = torch.full((2, 24, 24), 2)
    expected[:, 10:] = 255
    expected[:, 3, 4], expected[:, 5, 6] = 0, 1
    logits = F.interpolate(student._forward(inputs), (24, 24), mode='bilinear')
    torch.testing.assert_close(
        losses['loss_hpl'], PartialCrossEntropyLoss()(logits, expected)
    )
