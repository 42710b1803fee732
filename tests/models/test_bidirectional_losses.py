import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from mmseg_weak.models.losses import cam_to_seg_loss, seg_to_cam_loss
from mmseg_weak.refinement import segmentation_label


def sample(n=2, c=3, size=(5, 6), dtype=torch.double, seed=0):
    generator = torch.Generator().manual_seed(seed)
    seg = 2 * torch.randn(n, c + 1, *size, generator=generator, dtype=dtype)
    cam = torch.randn(n, c, *size, generator=generator, dtype=dtype)
    values = torch.tensor([*range(c + 1), 255])
    labels = values[torch.randint(c + 2, (n, *size), generator=generator)]
    boxes = torch.tensor([[0, size[0], 0, size[1]], [1, size[0], 0, size[1] - 1]])[:n]
    return seg, cam, labels, boxes


def bidirectional_losses(
    seg, cam, labels, boxes, threshold=0.75, with_background=False, on_probability=False
):
    seg_labels = segmentation_label(seg, boxes, threshold, on_probability, with_background)
    to_cam = seg_to_cam_loss(cam, seg_labels, with_background)
    return cam_to_seg_loss(seg, labels), to_cam


def slow_losses(
    seg, cam, labels, boxes, threshold, s2c_with_background, threshold_on_probability
):
    """Pixel by pixel, with torch's own losses."""
    to_seg, to_cam = [], []
    for n, (y0, y1, x0, x1) in enumerate(boxes.tolist()):
        for y in range(seg.shape[2]):
            for x in range(seg.shape[3]):
                p, q, label = seg[n, :, y, x], cam[n, :, y, x], labels[n, y, x]
                if label != 255:
                    target = F.one_hot(label, len(p)).to(p)
                    to_seg.append(F.binary_cross_entropy_with_logits(p, target))
                value, best = p.max(0)
                value = value.sigmoid() if threshold_on_probability else value
                inside = y0 <= y < y1 and x0 <= x < x1
                if not inside or value < threshold:
                    continue
                if s2c_with_background:
                    logits = torch.cat([q.new_zeros(1), q])
                    to_cam.append(F.cross_entropy(logits[None], best[None]))
                elif best > 0:
                    to_cam.append(F.cross_entropy(q[None], best[None] - 1))
    zero = seg.new_zeros(())
    return tuple(torch.stack(x).mean() if x else zero for x in (to_seg, to_cam))


def test_matches_the_published_arrays(reference):
    loss_c2s, loss_s2c = bidirectional_losses(
        reference['seg_logits'],
        reference['cam_logits'],
        reference['bsp_label'],
        reference['valid_box_y0y1x0x1'],
    )
    for loss, name in ((loss_c2s, 'c2s_loss'), (loss_s2c, 's2c_loss')):
        torch.testing.assert_close(loss.double(), reference[name], atol=1e-4, rtol=0)


@settings(max_examples=20, deadline=None)
@given(
    size=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    c=st.integers(1, 4),
    threshold=st.sampled_from([0.3, 0.75, 0.95]),
    s2c_with_background=st.booleans(),
    threshold_on_probability=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_equals_pixel_by_pixel(
    size, c, threshold, s2c_with_background, threshold_on_probability, seed
):
    batch = sample(2, c, size, seed=seed)
    options = (threshold, s2c_with_background, threshold_on_probability)
    losses = bidirectional_losses(*batch, *options)
    for loss, expected in zip(losses, slow_losses(*batch, *options)):
        torch.testing.assert_close(loss, expected)


@pytest.mark.parametrize('s2c_with_background', [False, True])
def test_gradcheck(s2c_with_background):
    seg, cam, labels, boxes = sample(size=(2, 3))

    def losses(seg, cam):
        return bidirectional_losses(seg, cam, labels, boxes, 0.75, s2c_with_background)

    seg.requires_grad_(), cam.requires_grad_()
    assert torch.autograd.gradcheck(losses, (seg, cam))


def test_each_direction_teaches_one_branch():
    seg, cam, labels, boxes = sample()
    seg.requires_grad_(), cam.requires_grad_()
    loss_c2s, loss_s2c = bidirectional_losses(seg, cam, labels, boxes)
    c2s = torch.autograd.grad(loss_c2s, (seg, cam), retain_graph=True, allow_unused=True)
    s2c = torch.autograd.grad(loss_s2c, (seg, cam), allow_unused=True)
    assert c2s[0].abs().max() > 0 and c2s[1] is None
    assert s2c[0] is None and s2c[1].abs().max() > 0


@pytest.mark.parametrize('dtype', [torch.float32, torch.float16, torch.bfloat16])
def test_nothing_to_learn_is_zero_with_zero_gradient(dtype):
    seg, cam, labels, _ = sample(dtype=torch.float32)
    seg, cam = seg.to(dtype).requires_grad_(), cam.to(dtype).requires_grad_()
    empty = torch.zeros(2, 4, dtype=torch.long)
    losses = bidirectional_losses(seg, cam, torch.full_like(labels, 255), empty)
    sum(losses).backward()
    assert [loss.item() for loss in losses] == [0, 0]
    assert seg.grad.abs().max() == 0 and cam.grad.abs().max() == 0


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(dtype):
    seg, cam, labels, boxes = sample(size=(40, 40), dtype=torch.float32)
    seg, cam = (100 * seg).to(dtype), (100 * cam).to(dtype)
    losses = bidirectional_losses(seg, cam, labels, boxes)
    expected = bidirectional_losses(seg.float(), cam.float(), labels, boxes)
    for loss, value in zip(losses, expected):
        assert loss.dtype == torch.float32 and loss.isfinite()
        torch.testing.assert_close(loss, value, atol=0, rtol=0)


def test_one_class_and_uint8_labels():
    seg, cam, labels, boxes = sample(c=1)
    losses = bidirectional_losses(seg, cam, labels.to(torch.uint8), boxes)
    torch.testing.assert_close(losses, bidirectional_losses(seg, cam, labels, boxes))
    # Cross-entropy over a single class has nothing to say.
    assert losses[1] == 0


def test_wrong_input_names_what_is_wrong():
    seg, cam, labels, boxes = sample()
    with pytest.raises(ValueError, match='seg_labels must be'):
        bidirectional_losses(seg, cam[:, :, :2], labels, boxes)
    with pytest.raises(ValueError, match='cam_labels must be'):
        bidirectional_losses(seg, cam, labels[:, :2], boxes)
