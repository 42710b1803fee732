"""A teacher that takes frozen layers from its student against one that computes them."""

import copy

import pytest
import torch
from mmseg.registry import MODELS
from test_seminar import CONSISTENCY, batch
from torch import nn
from torch.nn import Conv2d
from toy import toy_model

from mmseg_weak.models.seminar.shared_prefix import SharedPrefix, frozen_modules

BACKBONES = {
    'MobileNetV2': dict(
        type='MobileNetV2', out_indices=(1, 6), frozen_stages=3, norm_eval=True
    ),
    'ResNet': dict(type='ResNet', depth=18, out_indices=(0, 3), frozen_stages=2),
}
CHANNELS = dict(MobileNetV2=320, ResNet=512)


def build(name, **backbone):
    """Student and teacher, equal where frozen and different elsewhere."""
    torch.manual_seed(0)
    model = toy_model(consistency=dict(CONSISTENCY, ramp_ratio=0.0))
    model['backbone'] = dict(BACKBONES[name], **backbone)
    model['decode_head'].update(in_channels=CHANNELS[name], in_index=-1)
    model.pop('auxiliary_head', None)
    student = MODELS.build(model).train()
    teacher = copy.deepcopy(student).eval()
    with torch.no_grad():
        for p in teacher.parameters():
            if p.requires_grad:
                p.mul_(1.1)
    return student, teacher


def losses_of(student, teacher, monkeypatch, view=None):
    """Losses of one step, and how many convolutions of the teacher ran."""
    student, teacher = copy.deepcopy(student), copy.deepcopy(teacher)
    student.set_teacher(teacher)
    inputs, samples = batch(size=64)
    theirs, ran, compute = set(teacher.backbone.modules()), [], Conv2d._conv_forward

    def count(module, *args):
        ran.extend([module] if module in theirs else [])
        return compute(module, *args)

    torch.manual_seed(1)
    with monkeypatch.context() as patch:
        patch.setattr(Conv2d, '_conv_forward', count)
        losses = student.loss(inputs, samples, view)
    return losses, len(ran), student


@pytest.mark.parametrize('name', list(BACKBONES))
def test_equal_losses_with_fewer_convolutions(name, monkeypatch):
    student, teacher = build(name)
    shared, ran, user = losses_of(student, teacher, monkeypatch)
    frozen = [m for _, m in frozen_modules(student.backbone)]
    inside = sum(isinstance(m, Conv2d) for f in frozen for m in f.modules())
    everywhere = sum(isinstance(m, Conv2d) for m in student.backbone.modules())
    assert inside > 0 and ran == everywhere - inside
    assert not user.shared_prefix.seen
    monkeypatch.setattr(SharedPrefix, '_record', lambda *_: None)
    alone, ran, _ = losses_of(student, teacher, monkeypatch)
    assert ran == everywhere
    assert shared.keys() == alone.keys()
    assert all(torch.equal(shared[key], alone[key]) for key in shared)


@pytest.mark.parametrize(
    'case', ['other view', 'other weights', 'set free', 'nothing frozen']
)
def test_the_teacher_computes_what_is_not_common(case, monkeypatch):
    changes = dict(frozen_stages=-1) if case == 'nothing frozen' else {}
    student, teacher = build('MobileNetV2', **changes)
    everywhere = sum(isinstance(m, Conv2d) for m in student.backbone.modules())
    view = None
    if case == 'other view':
        view = batch(size=64)[0] * 0.9
    elif case == 'other weights':
        for module in (teacher.backbone.conv1, teacher.backbone.layer1):
            next(module.parameters()).data.mul_(1.1)
        for name in ('layer2', 'layer3'):
            next(getattr(teacher.backbone, name).parameters()).data.mul_(1.1)
    elif case == 'set free':
        student.backbone.requires_grad_(True)
    _, ran, _ = losses_of(student, teacher, monkeypatch, view)
    assert ran == everywhere


def test_an_output_changed_in_place_is_not_reused():
    student, teacher = build('ResNet')
    inputs = batch(size=64)[0]
    expected = teacher.backbone(inputs)[-1]
    SharedPrefix(student.backbone, teacher.backbone)
    student.backbone.layer1.register_forward_hook(lambda m, i, output: output.add_(1))
    student.backbone(inputs)
    assert torch.equal(teacher.backbone(inputs)[-1], expected)


def test_a_layer_set_free_later_is_computed():
    student, teacher = build('MobileNetV2')
    student.set_teacher(teacher)
    student.loss(*batch(size=64))
    student.backbone.layer3.requires_grad_(True)
    with torch.no_grad():
        next(student.backbone.layer3.parameters()).mul_(2)
    expected = copy.deepcopy(teacher)
    expected.backbone.layer3.__dict__ = {
        k: v for k, v in expected.backbone.layer3.__dict__.items() if k != 'forward'
    }
    inputs, _ = batch(size=64)
    for frozen_again in (False, True):
        student.backbone.layer3.requires_grad_(not frozen_again)
        student.extract_feat(inputs)
        assert torch.equal(teacher.dense_logits(inputs), expected.dense_logits(inputs))


def test_nothing_is_kept_without_gradients():
    student, teacher = build('MobileNetV2')
    student.set_teacher(teacher)
    inputs, samples = batch(size=64)
    student.loss(inputs, samples)
    with torch.inference_mode():
        student.extract_feat(inputs)
    assert not student.shared_prefix.seen


def test_hooks_of_the_student_do_not_reach_the_teacher():
    student, teacher = build('MobileNetV2')
    inputs = batch(size=64)[0]
    expected = teacher.backbone(inputs)[-1]
    student.backbone.layer2.register_forward_hook(lambda m, i, output: output + 1)
    SharedPrefix(student.backbone, teacher.backbone)
    student.backbone(inputs)
    assert torch.equal(teacher.backbone(inputs)[-1], expected)


def test_a_copy_lets_go_of_its_own_teacher():
    student, teacher = build('MobileNetV2')
    student.set_teacher(teacher)
    student.loss(*batch(size=64))
    copy.deepcopy(student).set_teacher(None)
    assert 'forward' in teacher.backbone.layer1.__dict__
    student.set_teacher(None)


def test_removal_leaves_no_trace():
    student, teacher = build('MobileNetV2')
    student.set_teacher(teacher)
    student.loss(*batch(size=64))
    student.set_teacher(None)
    for module in (*student.modules(), *teacher.modules()):
        assert not module._forward_hooks and 'forward' not in module.__dict__


class ByName(nn.Module):
    """Calls a frozen layer by the name of its argument, as transformers does."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.inner = nn.Linear(3, 3).requires_grad_(False)

    def forward(self, x):
        return self.scale * self.inner(input=x)


def test_a_frozen_layer_may_be_called_by_name():
    student = nn.Sequential(ByName())
    teacher = copy.deepcopy(student).eval()
    shared = SharedPrefix(student.train(), teacher)
    x = torch.randn(2, 3)
    torch.testing.assert_close(teacher(x), student(x))
    shared.remove()
