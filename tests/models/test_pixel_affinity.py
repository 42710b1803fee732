import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from mmseg.registry import MODELS

from mmseg_weak.models.losses import PixelAffinityLoss


def slow_loss(affinity, labels, grid, radius):
    """Pair by pair."""
    labels = F.interpolate(labels[:, None].float(), size=grid, mode='nearest')[:, 0]
    cells = [(y, x) for y in range(grid[0]) for x in range(grid[1])]
    sums, counts = [0.0, 0.0], [1, 1]
    for n in range(len(labels)):
        for i, (y, x) in enumerate(cells):
            for j, (v, u) in enumerate(cells):
                first, second = labels[n, y, x], labels[n, v, u]
                near = abs(y - v) <= radius and abs(x - u) <= radius
                if not near or 255 in (first, second):
                    continue
                p = affinity[n, i, j]
                same = bool(first == second)
                sums[not same] = sums[not same] + (1 - p if same else p)
                counts[not same] += 1
    return 0.5 * sums[0] / counts[0] + 0.5 * sums[1] / counts[1]


def sample(n, grid, stride, dtype=torch.double, seed=0):
    generator = torch.Generator().manual_seed(seed)
    cells = grid[0] * grid[1]
    affinity = torch.rand(n, cells, cells, generator=generator, dtype=dtype)
    size = (n, grid[0] * stride, grid[1] * stride)
    labels = torch.tensor([0, 1, 2, 255])[torch.randint(4, size, generator=generator)]
    return affinity, labels


def test_matches_the_published_array(reference):
    loss = PixelAffinityLoss()(reference['aff_pred'], reference['par_label'])
    torch.testing.assert_close(loss.double(), reference['aff_loss'], atol=1e-4, rtol=0)


@settings(max_examples=15, deadline=None)
@given(
    n=st.integers(1, 2),
    height=st.integers(1, 5),
    ratio=st.sampled_from([1, 2]),
    stride=st.integers(1, 4),
    radius=st.integers(0, 4),
    seed=st.integers(0, 1000),
)
def test_equals_pair_by_pair(n, height, ratio, stride, radius, seed):
    grid = (height, height * ratio)
    affinity, labels = sample(n, grid, stride, seed=seed)
    loss = PixelAffinityLoss(radius)(affinity, labels)
    expected = torch.as_tensor(slow_loss(affinity, labels, grid, radius))
    torch.testing.assert_close(loss, expected.double())


def test_gradcheck():
    affinity, labels = sample(1, (2, 3), 2)
    loss = PixelAffinityLoss(1, loss_weight=3.0)
    assert torch.autograd.gradcheck(lambda a: loss(a, labels), affinity.requires_grad_())


def test_no_known_label_is_zero_with_zero_gradient():
    affinity, labels = sample(2, (3, 3), 1)
    loss = PixelAffinityLoss()(affinity.requires_grad_(), torch.full_like(labels, 255))
    loss.backward()
    assert loss == 0 and affinity.grad.abs().max() == 0


def test_one_class_has_no_negative_pairs():
    affinity, labels = sample(1, (3, 4), 2)
    loss = PixelAffinityLoss()(affinity, torch.zeros_like(labels))
    torch.testing.assert_close(loss, 0.5 * (1 - affinity).sum() / (144 + 1))


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_sums_in_float32(dtype):
    affinity, labels = sample(2, (12, 16), 2, dtype)
    loss = PixelAffinityLoss()(affinity, labels)
    expected = PixelAffinityLoss()(affinity.float(), labels)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, expected, atol=0, rtol=0)


@pytest.mark.parametrize(
    ('size', 'stride'), [((512, 512), 16), ((375, 500), 16), ((96, 128), 16), ((37, 61), 8)]
)
def test_finds_the_grid_of_a_network(size, stride):
    grid = tuple(-(-n // stride) for n in size)
    affinity, labels = sample(1, grid, 1)
    labels = F.interpolate(labels[None].float(), size=size, mode='nearest')[0].long()
    loss = PixelAffinityLoss(2)
    torch.testing.assert_close(loss(affinity, labels), loss(affinity, labels, grid))


def test_first_use_in_inference_mode_does_not_spoil_training():
    affinity, labels = sample(1, (5, 7), 3)
    loss = PixelAffinityLoss(radius=2)
    with torch.inference_mode():
        loss(affinity, labels)
    loss(affinity.requires_grad_(), labels).backward()
    assert affinity.grad.abs().max() > 0


def test_registered_without_state():
    loss = MODELS.build(dict(type='PixelAffinityLoss', radius=3))
    assert loss.radius == 3 and not loss.state_dict() and loss.loss_name == 'loss_aff'


def test_wrong_input_names_what_is_wrong():
    affinity, labels = sample(1, (2, 3), 2)
    with pytest.raises(ValueError, match='7 cells are no grid on labels of 40x40'):
        PixelAffinityLoss()(torch.rand(1, 7, 7), labels.new_zeros(1, 40, 40))
    with pytest.raises(ValueError, match='has not 6 cells'):
        PixelAffinityLoss()(affinity, labels, (2, 2))
    with pytest.raises(ValueError, match='must be'):
        PixelAffinityLoss()(affinity[:, :2], labels)
    with pytest.raises(ValueError, match='radius'):
        PixelAffinityLoss(radius=-1)
