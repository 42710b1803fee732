"""Losses of logits and colours against loops over pairs of cells."""

import copy
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.logging import MessageHub
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from toy import toy_model

from mmseg_weak.models.inputs.image_values import to_unit_rgb
from mmseg_weak.models.losses import (
    AbsentClassLoss,
    CollisionCrossEntropyLoss,
    DenseCRFLoss,
    ExclusionLoss,
    GatedCRFLoss,
    ImageCells,
    PottsLoss,
    collision_cross_entropy,
    dense_crf_energy,
    soft_labels,
)
from mmseg_weak.models.losses.image_loss import clicks_of_cells, valid_cells
from mmseg_weak.models.losses.potts import colour_pairs, grid_offsets
from mmseg_weak.refinement.class_restriction import restrict_logits
from mmseg_weak.refinement.permutohedral import PermutohedralLattice

KINDS = [PottsLoss, CollisionCrossEntropyLoss, DenseCRFLoss, GatedCRFLoss]
RELAXATIONS = ['bilinear', 'quadratic', 'normalised', 'collision', 'log_quadratic']


def sample(n=2, c=3, size=(5, 6), seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(n, c, *size, generator=generator, dtype=torch.float64)
    images = torch.rand(n, 3, *size, generator=generator, dtype=torch.float64)
    valid = torch.ones(n, *size, dtype=torch.bool)
    valid[0, :, -1] = False
    return logits, images, valid


def slow_dissimilarity(p, q, relaxation):
    half = sum((a - b) ** 2 for a, b in zip(p, q)) / 2
    product = sum(a * b for a, b in zip(p, q))
    norms = math.sqrt(sum(a * a for a in p) * sum(b * b for b in q))
    return dict(
        bilinear=1 - product,
        quadratic=half,
        normalised=1 - product / norms,
        collision=-math.log(product),
        log_quadratic=-math.log(1 - half),
    )[relaxation]


def slow_potts(logits, images, valid, relaxation, offsets, sigma):
    """Loop over pairs; per image contrast where sigma is None."""
    probs, total, count = logits.softmax(1), 0.0, 0
    nearest = min(math.hypot(*offset) for offset in offsets)
    for n in range(len(logits)):
        pairs = []
        for dy, dx in offsets:
            for y, x in np.ndindex(*logits.shape[2:]):
                v, u = y + dy, x + dx
                inside = 0 <= v < logits.shape[2] and 0 <= u < logits.shape[3]
                if inside and valid[n, y, x] and valid[n, v, u]:
                    square = (images[n, :, y, x] - images[n, :, v, u]).square().sum()
                    pairs.append((square.item(), math.hypot(dy, dx), (y, x), (v, u)))
        contrast = sum(pair[0] for pair in pairs) / len(pairs)
        variance = contrast if sigma is None else sigma**2
        for square, distance, a, b in pairs:
            weight = math.exp(-square / 2 / variance) * nearest / distance
            p, q = (probs[(n, slice(None), *cell)].tolist() for cell in (a, b))
            total += weight * slow_dissimilarity(p, q, relaxation)
        count += len(pairs)
    return total, count


@pytest.mark.parametrize('relaxation', RELAXATIONS)
@pytest.mark.parametrize(
    ('neighbours', 'dilations', 'sigma'), [(4, (1,), None), (8, (1, 3), 0.3)]
)
def test_potts_equals_a_loop(relaxation, neighbours, dilations, sigma):
    batch = sample()
    loss = PottsLoss(relaxation, neighbours, dilations, sigma)
    total, count = loss.energy(batch[0], ImageCells(*batch[1:], None))
    offsets = grid_offsets(neighbours, dilations)
    expected = slow_potts(*batch, relaxation, offsets, sigma)
    assert total.item() == pytest.approx(expected[0], rel=1e-9)
    assert count.item() == expected[1]


def test_gated_crf_equals_a_loop():
    logits, images, valid = sample()
    loss = GatedCRFLoss(2, 1.5, 0.4)
    total, count = loss.energy(logits, ImageCells(images, valid, None))
    probs, expected = logits.softmax(1), 0.0
    for n, y, x in np.ndindex(*valid.shape):
        for v, u in np.ndindex(*valid.shape[1:]):
            near = max(abs(y - v), abs(x - u)) <= 2 and (y, x) != (v, u)
            if near and valid[n, y, x] and valid[n, v, u]:
                place = ((y - v) ** 2 + (x - u) ** 2) / 1.5**2
                colour = (images[n, :, y, x] - images[n, :, v, u]).square().sum() / 0.4**2
                kernel = math.exp(-(place + colour) / 2)
                agreed = (probs[n, :, y, x] * probs[n, :, v, u]).sum()
                expected += (kernel * (1 - agreed)).item()
    assert total.item() == pytest.approx(expected, rel=1e-9)
    assert count == valid.sum()


@pytest.mark.parametrize('radius', [1, 3, 9])
def test_gated_crf_sums_rows_as_it_sums_offsets(radius):
    logits, images, valid = sample()
    loss = GatedCRFLoss(radius, 1.5, 0.4)
    given = logits.softmax(1).detach(), images, valid.to(logits)
    for one, other in zip(loss._by_offset(*given), loss._by_row(*given)):
        torch.testing.assert_close(one, other, atol=1e-12, rtol=1e-9)


def test_dense_crf_equals_the_matrix_of_its_filter():
    logits, images, valid = sample()
    total, count = dense_crf_energy(logits.softmax(1), images, valid, 2.0, 60.0)
    y, x = np.mgrid[:5, :6]
    expected = 0.0
    for n in range(2):
        gate = valid[n].flatten().numpy()
        colours = images[n].numpy() * 255 / 60
        features = np.concatenate([np.stack([x, y]) / 2, colours]).reshape(5, -1).T[gate]
        eye = np.eye(gate.sum(), dtype=np.float32)
        kernel = PermutohedralLattice(features).filter(eye)
        probs = logits[n].softmax(0).flatten(1).numpy()[:, gate]
        expected += kernel.sum() - np.einsum('ci,ij,cj->', probs, kernel, probs)
    assert total.item() == pytest.approx(expected, rel=1e-5)
    assert count == valid.sum()


def test_the_transposed_filter_is_the_transpose():
    features = np.random.default_rng(0).normal(size=(40, 5)).astype(np.float32)
    lattice, eye = PermutohedralLattice(features), np.eye(40, dtype=np.float32)
    forward, backward = lattice.filter(eye), lattice.filter(eye, transposed=True)
    np.testing.assert_allclose(backward, forward.T, atol=1e-6)
    assert abs(forward - forward.T).max() > 1e-4, 'else nothing was tested'


@pytest.mark.parametrize('relaxation', RELAXATIONS)
def test_gradient_of_potts(relaxation):
    logits, images, valid = sample(n=1, size=(3, 4))
    loss = PottsLoss(relaxation, 8, (1, 2))
    assert torch.autograd.gradcheck(
        lambda x: loss.energy(x, ImageCells(images, valid, None))[0],
        logits.requires_grad_(),
    )


def test_gradient_of_gated_crf():
    logits, images, valid = sample(n=2, size=(3, 4))
    loss = GatedCRFLoss(2, 2.0, 0.5)
    assert torch.autograd.gradcheck(
        lambda x: loss.energy(x, ImageCells(images, valid, None))[0],
        logits.requires_grad_(),
    )


def test_gradient_of_dense_crf():
    """The filter is single precision: wide steps, of what is quadratic but the softmax."""
    logits, images, valid = sample(n=1, size=(4, 5))
    assert torch.autograd.gradcheck(
        lambda x: dense_crf_energy(x, images, valid, 2.0, 90.0)[0],
        logits.softmax(1).detach().requires_grad_(),
        eps=0.1,
        atol=2e-4,
    )


def test_gradient_of_collision_cross_entropy():
    logits, targets = torch.randn(2, 2, 4, 3, 3, dtype=torch.float64)
    targets = targets.softmax(1)
    expected = -(logits.softmax(1) * targets).sum(1).log()
    torch.testing.assert_close(collision_cross_entropy(logits, targets), expected)
    one_hot = F.one_hot(torch.zeros(2, 3, 3).long(), 4).permute(0, 3, 1, 2).double()
    torch.testing.assert_close(
        collision_cross_entropy(logits, one_hot),
        F.cross_entropy(logits, torch.zeros(2, 3, 3).long(), reduction='none'),
    )
    assert torch.autograd.gradcheck(
        lambda x: collision_cross_entropy(x, targets), logits.requires_grad_()
    )


def self_labelling_energy(labels, logits, pairs):
    total = collision_cross_entropy(logits, labels).sum()
    for (dy, dx), weight in pairs:
        h, w = labels.shape[2:]
        first = labels[..., : h - dy, max(0, -dx) : w - max(0, dx)]
        second = labels[..., dy:, max(0, dx) : w + min(0, dx)]
        total += 0.5 * (weight * (first - second).square().sum(1)).sum()
    return total


def test_soft_labels_lower_their_energy_and_keep_the_clicks():
    logits, images, valid = sample(size=(8, 9))
    pairs = list(colour_pairs(images, valid, grid_offsets(8, (1,)), 0.3))
    clicks = torch.full((2, 8, 9), 255)
    steps = [soft_labels(logits, pairs, clicks, 1.0, n) for n in (0, 1, 10, 50)]
    torch.testing.assert_close(steps[0], logits.softmax(1))
    energies = [self_labelling_energy(y, logits, pairs).item() for y in steps]
    assert energies == sorted(energies, reverse=True) and energies[3] < energies[0] - 1
    # One step is mirror descent on the energy.
    start = logits.softmax(1).requires_grad_()
    (gradient,) = torch.autograd.grad(self_labelling_energy(start, logits, pairs), start)
    expected = (logits - gradient).softmax(1)
    torch.testing.assert_close(steps[1], expected)
    clicks[0, 3, 4] = 2
    labels = soft_labels(logits, pairs, clicks, 1.0, 5)
    assert labels[0, 2, 3, 4] > 1 - 1e-9
    assert not torch.equal(labels[0, :, 3, 5], steps[1][0, :, 3, 5])


def test_soft_labels_of_the_classes_of_an_image():
    """As labels of logits without the other classes."""
    logits, images, valid = sample(size=(8, 9))
    pairs = list(colour_pairs(images, valid, grid_offsets(8, (1,)), 0.3))
    clicks = torch.full((2, 8, 9), 255)
    kept = torch.tensor([True, False, *[True] * (logits.shape[1] - 2)])
    restricted = restrict_logits(logits, kept.expand(2, -1))
    labels = soft_labels(restricted, pairs, clicks, 1.0, 10)
    expected = soft_labels(logits[:, kept], pairs, clicks, 1.0, 10)
    torch.testing.assert_close(labels[:, kept], expected)
    assert labels[:, 1].max() < 1e-9


def test_absent_classes_equal_a_loop():
    logits, images, valid = sample(c=4, size=(3, 4))
    classes = torch.tensor([[True, False, True, False], [True, False, False, False]])
    cells = ImageCells(images, valid, None, classes=classes)
    total, count = AbsentClassLoss().energy(logits, cells)
    expected = 0.0
    for y, x in valid[0].nonzero().tolist():  # of the other image nothing is known
        p = logits[0, :, y, x].softmax(0).tolist()
        expected -= sum(p[1:]) * math.log(p[2] / sum(p[1:]))
    assert total.item() == pytest.approx(expected, rel=1e-9)
    assert count == valid.sum()
    assert AbsentClassLoss().energy(logits, cells._replace(classes=None))[0] == 0


def test_without_background_every_class_is_an_object():
    """As a "no" to each absent class at each valid pixel."""
    logits, images, valid = sample(c=4)
    classes = torch.tensor([[True, False, True, False], [True, False, False, True]])
    cells = ImageCells(images, valid, None, classes=classes)
    total, count = AbsentClassLoss(background=None).energy(logits, cells)
    rows = [
        [n, y, x, c]
        for n, y, x in valid.nonzero().tolist()
        for c in (~classes[n]).nonzero().flatten().tolist()
    ]
    expected = ExclusionLoss()(logits, torch.tensor(rows))
    torch.testing.assert_close(total / count, expected.to(total))


def test_gradient_of_absent_classes():
    """Background has none; the factor is a constant."""
    logits, images, valid = sample(n=1, c=4, size=(2, 3))
    logits.requires_grad_()
    classes = torch.tensor([[True, False, True, False]])
    cells = ImageCells(images, valid, None, classes=classes)
    loss = AbsentClassLoss().energy(logits, cells)[0]
    (gradient,) = torch.autograd.grad(loss, logits)
    assert not gradient[:, 0].any() and gradient[:, [1, 3]].min() >= 0
    factor = logits.detach().softmax(1)[:, 1:].sum(1)
    objects = logits.detach()[:, 1:].requires_grad_()
    plain = -(objects.log_softmax(1)[:, 1] * factor * valid).sum()
    torch.testing.assert_close(torch.autograd.grad(plain, objects)[0], gradient[:, 1:])
    whole = AbsentClassLoss(background=None)
    assert torch.autograd.gradcheck(lambda x: whole.energy(x, cells)[0], logits)


def test_ramp_of_the_run():
    torch.manual_seed(0)
    logits, images = torch.randn(1, 3, 6, 8), torch.rand(1, 3, 24, 32)
    hub = MessageHub.get_current_instance()
    hub.update_info('max_iters', 0)  # of an earlier test in this process
    loss, plain = PottsLoss(ramp_ratio=0.5), PottsLoss()(logits, images)
    assert loss(logits, images) == plain, 'no run, no ramp'
    try:
        hub.update_info('max_iters', 100)
        values = {}
        for iteration in (0, 25, 50, 99):
            hub.update_info('iter', iteration)
            values[iteration] = (loss(logits, images) / plain).item()
    finally:
        hub.update_info('max_iters', 0)
        hub.update_info('iter', 0)
    expected = {0: math.exp(-5), 25: math.exp(-1.25), 50: 1, 99: 1}
    assert values == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize('kind', KINDS)
def test_size_padding_weight_and_precision(kind):
    """Colours are averaged to the logits; padding changes nothing but the count."""
    torch.manual_seed(0)
    loss = kind(loss_weight=0.5)
    logits, images = torch.randn(1, 3, 6, 8), torch.rand(1, 3, 24, 32)
    plain = loss(logits, images)
    assert plain.item() == pytest.approx(0.5 * kind()(logits, images).item(), rel=1e-6)
    padded = loss(
        F.pad(logits, (0, 2, 0, 3), value=9.0),
        F.pad(images, (0, 8, 0, 12), value=0.5),
        torch.tensor([[24, 32]]),
    )
    torch.testing.assert_close(padded, plain, rtol=2e-3, atol=0)
    half = loss(logits.bfloat16(), images)
    assert half.dtype == torch.float32 and half.item() == pytest.approx(
        plain.item(), rel=0.1
    )
    with pytest.raises(ValueError, match=f'{kind.__name__}: images'):
        loss(logits, images.repeat(2, 1, 1, 1))
    logits.requires_grad_()
    nothing = loss(logits, images, torch.tensor([[0, 0]]))
    nothing.backward()
    assert nothing == 0 and not logits.grad.any()


@pytest.mark.parametrize('kind', KINDS)
def test_a_step_down_the_loss_follows_the_colours(kind):
    """Two colours, noisy logits of either side: descent makes each side one class."""
    torch.manual_seed(0)
    images = torch.zeros(1, 3, 12, 16)
    images[..., 8:] = 1
    truth = torch.where(images[:, 0] > 0, 1, 0)
    logits = 2 * F.one_hot(truth, 2).permute(0, 3, 1, 2) + 2 * torch.randn(1, 2, 12, 16)
    logits = logits.requires_grad_()
    before = (logits.argmax(1) != truth).sum()
    loss = kind()
    optimizer = torch.optim.Adam([logits], lr=0.2)
    for _ in range(40):
        optimizer.zero_grad()
        loss(logits, images).backward()
        optimizer.step()
    assert (logits.argmax(1) != truth).sum() <= before / 2


def test_cells():
    images, size = torch.zeros(2, 3, 8, 12), (2, 3)
    valid = valid_cells(torch.tensor([[8, 12], [7, 8]]), images, size)
    assert valid[0].all() and valid[1].tolist() == [[True, True, False], [False] * 3]
    clicks = torch.full((2, 8, 12), 255)
    clicks[0, 1, 2], clicks[0, 2, 3], clicks[1, 7, 11] = 1, 0, 0
    cells = clicks_of_cells(clicks, images, size)
    expected = torch.full((2, 2, 3), 255)
    expected[0, 0, 0], expected[1, 1, 2] = 1, 0
    assert torch.equal(cells, expected)


@pytest.mark.parametrize('cascade', [False, True])
def test_terms_of_a_segmentor(cascade):
    terms = [dict(type='PottsLoss', loss_weight=2.0), dict(type='GatedCRFLoss')]
    model = toy_model(regularisation=terms)
    model.pop('consistency', None)
    if cascade:
        head = model['decode_head']
        model.update(type='CascadeSeminarSegmentor', num_stages=1, decode_head=[head])
    torch.manual_seed(0)
    segmentor = MODELS.build(model).train()
    labels = torch.full((2, 1, 24, 24), 255)
    labels[:, 0, 3, 4] = 1
    samples = [
        SegDataSample(gt_sem_seg=PixelData(data=label), metainfo=dict(img_shape=(24, 20)))
        for label in labels
    ]
    inputs, view = torch.randn(2, 2, 3, 24, 24)
    losses = copy.deepcopy(segmentor).loss(inputs, samples, view)
    logits = segmentor._forward(inputs)
    images = to_unit_rgb(view, segmentor.data_preprocessor)
    expected = PottsLoss(loss_weight=2.0)(logits, images, torch.tensor([[24, 20]] * 2))
    torch.testing.assert_close(losses['loss_potts'], expected)
    assert losses['loss_gated_crf'] > 0
    assert segmentor.regularisation.state_dict() == {}
    restricted = dict(type='CollisionCrossEntropyLoss', class_restriction='renormalise')
    segmentor.regularisation = torch.nn.ModuleList([MODELS.build(restricted)])
    with pytest.raises(ValueError, match='has no image_classes'):
        segmentor.loss(inputs, samples, view)
    for sample in samples:
        sample.set_metainfo(dict(image_classes=[1]))
    loss = segmentor.loss(inputs, samples, view)['loss_collision']
    classes = torch.arange(logits.shape[1]) < 2
    clicks = labels[:, 0]
    sizes = torch.tensor([[24, 20]] * 2)
    again = MODELS.build(restricted)(logits, images, sizes, clicks, classes.expand(2, -1))
    torch.testing.assert_close(loss, again)
    segmentor.regularisation = torch.nn.ModuleList([AbsentClassLoss(), AbsentClassLoss()])
    for sample in samples:
        sample.set_metainfo(dict(known_classes=[0, 1]))  # nobody looked for the third
    loss = segmentor.loss(inputs, samples, view)['loss_absent']
    classes = torch.tensor([[True, True, *[True] * (logits.shape[1] - 2)]] * 2)
    assert loss == 2 * AbsentClassLoss()(logits, images, sizes, clicks, classes) == 0
    samples[0].set_metainfo(dict(known_classes=None))
    classes[0, 2:] = False
    loss = segmentor.loss(inputs, samples, view)['loss_absent']
    one = AbsentClassLoss()(logits, images, sizes, clicks, classes)
    torch.testing.assert_close(loss, 2 * one)
    assert one > 0
    single = MODELS.build(dict(toy_model(), regularisation=terms[0]))
    assert len(single.regularisation) == 1


@pytest.mark.parametrize(
    ('kind', 'options', 'message'),
    [
        (PottsLoss, dict(neighbours=6), 'neighbours must be one of 4, 8'),
        (PottsLoss, dict(relaxation='cubic'), 'relaxation must be one of bilinear'),
        (PottsLoss, dict(dilations=()), 'dilations must be >= 1'),
        (PottsLoss, dict(sigma=0), 'sigma must be finite and > 0'),
        (CollisionCrossEntropyLoss, dict(smoothness=-1), 'smoothness must'),
        (DenseCRFLoss, dict(sigma_rgb=0), 'sigma_rgb must be finite and > 0'),
        (GatedCRFLoss, dict(radius=0), 'radius must be a whole number >= 1'),
        (GatedCRFLoss, dict(loss_weight=-1), 'GatedCRFLoss: loss_weight'),
        (GatedCRFLoss, dict(ramp_ratio=2), 'ramp_ratio must be in'),
        (
            CollisionCrossEntropyLoss,
            dict(class_restriction='image'),
            'class_restriction must be',
        ),
    ],
)
def test_wrong_options(kind, options, message):
    with pytest.raises(ValueError, match=message):
        kind(**options)
