import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmseg_weak.models.losses import DecoupledConsistencyLoss, PixelConsistencyLoss


def batch(seed=0, size=(2, 4, 3, 5), dtype=torch.double):
    generator = torch.Generator().manual_seed(seed)
    student = torch.randn(size, generator=generator, dtype=dtype).requires_grad_()
    teacher = 2 * torch.randn(size, generator=generator, dtype=dtype)
    valid = torch.rand((size[0], *size[2:]), generator=generator) > 0.4
    return student, teacher, valid


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), background=st.integers(0, 3), excluded=st.booleans())
def test_weights_of_one_give_the_kl_distance(seed, background, excluded):
    student, teacher, valid = batch(seed)
    if excluded:
        teacher[0, (background + 1) % 4] = -float('inf')
    loss = DecoupledConsistencyLoss(1, 1, background)(student, teacher, valid)
    expected = PixelConsistencyLoss('kl')(student, teacher, valid)
    torch.testing.assert_close(loss, expected)
    ours, theirs = (torch.autograd.grad(value, student)[0] for value in (loss, expected))
    torch.testing.assert_close(ours, theirs)


def test_parts_written_out():
    student, teacher, valid = batch(3)
    loss = DecoupledConsistencyLoss(0.5, 3.0)(student, teacher, valid)
    total = 0
    for n, y, x in valid.nonzero().tolist():
        p_t, p_s = teacher[n, :, y, x].softmax(0), student[n, :, y, x].softmax(0)
        f_t, f_s = p_t[1:].sum(), p_s[1:].sum()
        binary = p_t[0] * (p_t[0] / p_s[0]).log() + f_t * (f_t / f_s).log()
        q_t, q_s = p_t[1:] / f_t, p_s[1:] / f_s
        total = total + 0.5 * binary + 3 * f_t * (q_t * (q_t / q_s).log()).sum()
    torch.testing.assert_close(loss, total / valid.sum())


def test_the_class_part_leaves_the_background_alone():
    student, teacher, valid = batch(4)
    DecoupledConsistencyLoss(0, 1)(student, teacher, valid).backward()
    # Adding a constant to all foreground logits changes nothing.
    assert student.grad[:, 0].abs().max() == pytest.approx(0, abs=1e-12)
    assert student.grad[:, 1:].sum(1).abs().max() == pytest.approx(0, abs=1e-12)


def test_gradcheck():
    student, teacher, valid = batch(5, size=(1, 3, 2, 2))
    teacher[0, 2] = -float('inf')
    loss = DecoupledConsistencyLoss()
    assert torch.autograd.gradcheck(lambda s: loss(s, teacher, valid), student)


@pytest.mark.parametrize('dtype', [torch.half, torch.float])
def test_teacher_without_any_object_is_finite(dtype):
    student, teacher, valid = batch(6, dtype=torch.float)
    student = student.detach().to(dtype).requires_grad_()
    teacher = teacher.to(dtype)
    teacher[:, 1:] = -float('inf')
    loss = DecoupledConsistencyLoss()(student, teacher, valid)
    loss.backward()
    assert loss.isfinite() and student.grad.isfinite().all()


def test_nothing_valid_is_zero():
    student, teacher, valid = batch()
    loss = DecoupledConsistencyLoss()(student, teacher, torch.zeros_like(valid))
    loss.backward()
    assert loss.item() == 0 and student.grad.abs().max() == 0


def test_mistakes():
    with pytest.raises(ValueError, match='class_weight must be finite'):
        DecoupledConsistencyLoss(class_weight=-1)
    student, teacher, valid = batch()
    with pytest.raises(ValueError, match='differ in shape'):
        DecoupledConsistencyLoss()(student, teacher[:, :3], valid)
