import pytest
import torch
from mmengine.model import MomentumAnnealingEMA
from torch import nn

from mmseg_weak.models import TeacherEMA


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(), nn.Conv2d(4, 2, 1)
    )


def train_step(model, seed):
    """Change parameters and batch-norm statistics."""
    generator = torch.Generator().manual_seed(seed)
    model(torch.randn(2, 3, 5, 5, generator=generator))
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn(p.shape, generator=generator))


@pytest.mark.parametrize('update_buffers', [False, True])
@pytest.mark.parametrize('interval', [1, 3])
def test_equals_mmengine_tensor_by_tensor(update_buffers, interval):
    student = network()
    options = dict(momentum=0.05, gamma=4, interval=interval, update_buffers=update_buffers)
    ours, theirs = TeacherEMA(student, **options), MomentumAnnealingEMA(student, **options)
    for step in range(12):
        train_step(student, step)
        ours.update_parameters(student)
        theirs.update_parameters(student)
    for (name, a), b in zip(ours.state_dict().items(), theirs.state_dict().values()):
        torch.testing.assert_close(a, b, msg=name)


def replace_buffer(model):
    model[1].running_mean = torch.full((4,), 7.0)


def replace_parameter(model):
    model[3].weight = nn.Parameter(torch.ones(2, 4, 1, 1))


@pytest.mark.parametrize(
    ('change', 'of_teacher'),
    [(replace_buffer, False), (replace_buffer, True), (replace_parameter, False)],
)
def test_tensors_that_are_replaced_between_steps(change, of_teacher):
    """Lists of tensors are kept from step to step, and none of them is stale."""
    student = network()
    options = dict(momentum=0.05, gamma=4)
    ours, theirs = TeacherEMA(student, **options), MomentumAnnealingEMA(student, **options)
    for step in range(6):
        train_step(student, step)
        if step == 3:
            for model in (ours.module, theirs.module) if of_teacher else (student,):
                change(model)
        ours.update_parameters(student)
        theirs.update_parameters(student)
    for a, b in zip(ours.state_dict().values(), theirs.state_dict().values()):
        torch.testing.assert_close(a, b)


def test_a_parameter_of_the_teacher_that_is_replaced():
    student = network()
    teacher = TeacherEMA(student, momentum=0.25)
    for step in range(6):
        train_step(student, step)
        if step == 5:
            replace_parameter(teacher.module)
        teacher.update_parameters(student)
    expected = 0.75 + 0.25 * student[3].weight
    torch.testing.assert_close(teacher.module[3].weight, expected)


def test_another_student_takes_the_place_of_the_first():
    first, second = network(), network()
    teacher = TeacherEMA(first, momentum=0.5)
    teacher.update_parameters(first)
    train_step(second, 0)
    expected = (first[0].weight + second[0].weight) / 2
    teacher.update_parameters(second)
    torch.testing.assert_close(teacher.module[0].weight, expected)


def test_published_warm_up():
    student = nn.Linear(1, 1, bias=False)
    teacher = TeacherEMA(student, momentum=0.2)
    expected = None
    for step in range(10):
        student.weight.data.fill_(float(step**2))
        teacher.update_parameters(student)
        decay = min(1 - 1 / (step + 1), 0.8)
        expected = step**2 if expected is None else decay * expected + (1 - decay) * step**2
        assert teacher.module.weight.item() == pytest.approx(expected)


def test_buffers_follow_the_student():
    student = network().train()
    teacher = TeacherEMA(student)
    for step in range(3):
        train_step(student, step)
        teacher.update_parameters(student)
    for ours, theirs in zip(teacher.module.buffers(), student.buffers()):
        torch.testing.assert_close(ours, theirs)


def test_stays_in_eval_mode_without_gradients():
    teacher = TeacherEMA(network())
    teacher.train()
    assert not any(module.training for module in teacher.modules())
    assert not any(p.requires_grad for p in teacher.parameters())


def test_step_survives_a_checkpoint():
    student = network()
    teacher = TeacherEMA(student)
    for step in range(5):
        train_step(student, step)
        teacher.update_parameters(student)
    other = TeacherEMA(student)
    other.load_state_dict(teacher.state_dict())
    assert other.num_updates == 5
    train_step(student, 9)
    teacher.update_parameters(student)
    other.update_parameters(student)
    for a, b in zip(teacher.state_dict().values(), other.state_dict().values()):
        torch.testing.assert_close(a, b, rtol=0, atol=0)


def test_tied_weights_are_averaged_once():
    student = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    student[1].weight = student[0].weight
    ours, theirs = (
        kind(student, momentum=0.1, gamma=1) for kind in (TeacherEMA, MomentumAnnealingEMA)
    )
    for _ in range(4):
        nn.init.normal_(student[0].weight)
        ours.update_parameters(student)
        theirs.update_parameters(student)
    for a, b in zip(ours.state_dict().values(), theirs.state_dict().values()):
        torch.testing.assert_close(a, b)
