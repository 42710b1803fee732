import pytest
import torch
import torch.nn.functional as F

from mmseg_weak.models.losses import PixelConsistencyLoss


def batch(dtype=torch.double, size=(2, 4, 5, 6)):
    generator = torch.Generator().manual_seed(0)
    student = torch.randn(size, generator=generator, dtype=dtype).requires_grad_()
    teacher = 2 * torch.randn(size, generator=generator, dtype=dtype)
    valid = torch.rand((size[0], *size[2:]), generator=generator) > 0.4
    return student, teacher, valid


def slow_distance(mode, student, teacher, threshold):
    """Distance of one pixel's logits, written out."""
    p_s, p_t = student.softmax(0), teacher.softmax(0)
    if p_t.max() <= threshold:
        return torch.zeros((), dtype=student.dtype)
    if mode == 'mse':
        return F.mse_loss(p_s, p_t)
    if mode == 'kl':
        return F.kl_div(p_s.log(), p_t, reduction='sum')
    return F.cross_entropy(student[None], p_t.argmax()[None])


@pytest.mark.parametrize('mode', ['mse', 'kl', 'ce'])
@pytest.mark.parametrize('threshold', [0.0, 0.7])
def test_equals_the_definition(mode, threshold):
    student, teacher, valid = batch()
    loss = PixelConsistencyLoss(mode, threshold, loss_weight=3.0)(student, teacher, valid)
    pixels = valid.nonzero().tolist()
    expected = sum(
        slow_distance(mode, student[n, :, y, x], teacher[n, :, y, x], threshold)
        for n, y, x in pixels
    )
    torch.testing.assert_close(loss, 3 * expected / len(pixels))


@pytest.mark.parametrize('mode', ['mse', 'kl', 'ce'])
def test_gradcheck_and_no_gradient_to_the_teacher(mode):
    student, teacher, valid = batch(size=(1, 3, 3, 2))
    teacher.requires_grad_()
    loss = PixelConsistencyLoss(mode)
    assert torch.autograd.gradcheck(lambda s: loss(s, teacher.detach(), valid), student)
    loss(student, teacher, valid).backward()
    assert teacher.grad is None


@pytest.mark.parametrize('mode', ['mse', 'kl', 'ce'])
def test_excluded_classes_stay_finite(mode):
    student, teacher, valid = batch()
    teacher[:, 2] = -float('inf')
    loss = PixelConsistencyLoss(mode)(student, teacher, valid)
    loss.backward()
    assert loss.isfinite() and student.grad.isfinite().all()


@pytest.mark.parametrize('mode', ['mse', 'kl', 'ce'])
def test_nothing_valid_is_zero(mode):
    student, teacher, valid = batch()
    loss = PixelConsistencyLoss(mode)(student, teacher, torch.zeros_like(valid))
    loss.backward()
    assert loss.item() == 0 and student.grad.abs().max() == 0


def test_equal_networks_have_no_distance():
    student, _, valid = batch()
    for mode in ('mse', 'kl'):
        loss = PixelConsistencyLoss(mode)(student, student.detach(), valid)
        torch.testing.assert_close(loss, torch.zeros_like(loss))


def test_weights_count_in_the_denominator():
    student, teacher, valid = batch()
    loss = PixelConsistencyLoss('kl')
    doubled = loss(student, teacher, valid, torch.full(valid.shape, 2.0))
    torch.testing.assert_close(doubled, loss(student, teacher, valid))


def test_half_precision():
    student, teacher, valid = batch(torch.float)
    exact = PixelConsistencyLoss()(student.half().float(), teacher.half().float(), valid)
    torch.testing.assert_close(
        PixelConsistencyLoss()(student.half(), teacher.half(), valid), exact
    )


@pytest.mark.parametrize(
    'options',
    [dict(mode='l1'), dict(threshold=1.5), dict(threshold=-0.1), dict(loss_weight=-1)],
)
def test_options_out_of_range(options):
    with pytest.raises(ValueError, match='PixelConsistencyLoss'):
        PixelConsistencyLoss(**options)


def test_shapes_that_do_not_fit():
    student, teacher, valid = batch()
    with pytest.raises(ValueError, match='differ in shape'):
        PixelConsistencyLoss()(student, teacher[:, :, 1:], valid)
