import copy

import pytest
import torch
import torch.nn.functional as F
from mmengine.structures import PixelData
from mmseg.models import CascadeEncoderDecoder, EncoderDecoder
from mmseg.models.decode_heads import FCNHead
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from toy import toy_model

from mmseg_weak.models import PartialCrossEntropyLoss, PixelConsistencyLoss, ramp_up

CONSISTENCY = dict(type='TeacherConsistency', loss=dict(type='PixelConsistencyLoss'))


def batch(seed=0, n=2, size=24):
    generator = torch.Generator().manual_seed(seed)
    samples = []
    for _ in range(n):
        labels = torch.full((1, size, size), 255)
        labels.view(-1)[torch.randperm(size * size, generator=generator)[:6]] = (
            torch.arange(6) % 3
        )
        sample = SegDataSample(gt_sem_seg=PixelData(data=labels))
        sample.set_metainfo(dict(img_shape=(size, size), image_classes=(1,)))
        samples.append(sample)
    return torch.randn(n, 3, size, size, generator=generator), samples


def build(model):
    torch.manual_seed(0)
    segmentor = MODELS.build(model)
    segmentor.init_weights()
    return segmentor.train()


@pytest.mark.parametrize('restrict', [None, 'renormalise', 'foreground'])
def test_loss_is_the_sum_of_the_papers_terms(restrict):
    # Without a ramp: the progress of a runner of another test may still be around.
    options = dict(class_restriction=restrict, background_prior=0.5, ramp_ratio=0.0)
    consistency = dict(CONSISTENCY, **options)
    segmentor = build(toy_model(consistency=consistency))
    teacher = build(toy_model(consistency=consistency)).eval()
    for p in teacher.parameters():
        p.data.mul_(1.1)
    segmentor.set_teacher(teacher)
    inputs, samples = batch()
    view = inputs + 0.1
    # The running statistics move with each forward: compare on copies.
    losses = copy.deepcopy(segmentor).loss(inputs, samples, view)
    labels = torch.cat([s.gt_sem_seg.data for s in samples])
    logits = segmentor._forward(inputs)
    upsampled = F.interpolate(logits, labels.shape[1:], mode='bilinear')
    torch.testing.assert_close(
        losses['decode.loss_pce'], PartialCrossEntropyLoss()(upsampled, labels)
    )
    probability = teacher._forward(view).softmax(1)
    if restrict == 'foreground':
        probability[:, 1] += probability[:, 2]
    if restrict:
        probability[:, 2] = 0
    probability[:, 0] *= 0.5
    probability = probability / probability.sum(1, keepdim=True)
    # A cell of 4x4 pixels takes part when it holds no click.
    free = F.avg_pool2d((labels == 255)[:, None].float(), 4)[:, 0] == 1
    expected = PixelConsistencyLoss()(logits, probability.log(), free)
    torch.testing.assert_close(losses['loss_consistency'], expected)


def test_one_student_forward_per_step(monkeypatch):
    segmentor = build(toy_model(consistency=CONSISTENCY))
    segmentor.set_teacher(build(toy_model()).eval())
    calls = []
    forward = type(segmentor.backbone).forward
    monkeypatch.setattr(
        type(segmentor.backbone), 'forward', lambda m, x: calls.append(m) or forward(m, x)
    )
    segmentor.loss(*batch())
    assert calls == [segmentor.backbone, segmentor.teacher.backbone]


def test_teacher_gets_no_gradient_and_no_key():
    segmentor = build(toy_model(consistency=CONSISTENCY))
    plain = dict(toy_model(), type='EncoderDecoder')
    keys = set(build(plain).state_dict())
    teacher = build(toy_model()).eval()
    segmentor.set_teacher(teacher)
    sum(v.sum() for k, v in segmentor.loss(*batch()).items() if 'loss' in k).backward()
    assert set(segmentor.state_dict()) == keys
    assert all(p.grad is None for p in teacher.parameters())
    assert all(p.grad is not None for p in segmentor.parameters())
    build(plain).load_state_dict(segmentor.state_dict(), strict=True)


def test_missing_teacher_is_a_clear_error():
    with pytest.raises(ValueError, match='EMATeacherHook'):
        build(toy_model(consistency=CONSISTENCY)).loss(*batch())


def test_without_clicks_the_loss_is_zero():
    segmentor = build(toy_model())
    inputs, samples = batch()
    for sample in samples:
        sample.gt_sem_seg.data[:] = 255
    loss = segmentor.loss(inputs, samples)['decode.loss_pce']
    loss.backward()
    assert loss.item() == 0
    assert all(p.grad.abs().max() == 0 for p in segmentor.parameters())


def test_auxiliary_heads_and_other_losses():
    model = toy_model()
    head = dict(model['decode_head'], in_channels=8, in_index=0)
    model['auxiliary_head'] = [
        head,
        dict(head, loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True)),
    ]
    segmentor = build(model)
    inputs, samples = batch()
    ours = copy.deepcopy(segmentor).loss(inputs, samples)
    stock = EncoderDecoder.loss(segmentor, inputs, samples)
    assert set(ours) == set(stock)
    for key, value in stock.items():
        torch.testing.assert_close(ours[key].squeeze(), value.squeeze(), msg=key)


def test_cascade_equals_mmseg():
    model = dict(toy_model(), type='CascadeSeminarSegmentor', num_stages=2)
    first = model['decode_head']
    second = dict(first, type='OCRHead', ocr_channels=4)
    second.pop('num_convs')
    model['decode_head'] = [first, second]
    segmentor = build(model)
    inputs, samples = batch()
    ours = copy.deepcopy(segmentor).loss(inputs, samples)
    # mmseg runs the first head's forward twice; without dropout that changes nothing.
    stock = CascadeEncoderDecoder.loss(segmentor, inputs, samples)
    assert set(ours) == set(stock)
    for key, value in stock.items():
        torch.testing.assert_close(ours[key].squeeze(), value.squeeze(), msg=key)


class MaskSetHead(FCNHead):
    """Stands for the heads that predict sets of masks."""

    def loss(self, inputs, batch_data_samples, train_cfg):
        return {}


def test_heads_of_mask_classification_are_refused():
    MODELS.register_module(module=MaskSetHead, force=True)
    model = toy_model()
    model['decode_head']['type'] = 'MaskSetHead'
    with pytest.raises(ValueError, match='MaskSetHead has its own loss'):
        MODELS.build(model)


@pytest.mark.parametrize(
    'options',
    [
        dict(ramp_ratio=1.5),
        dict(background_prior=0),
        dict(background_prior=-1),
        dict(class_restriction=True),
        dict(background=None, class_restriction='foreground'),
        dict(background=None, background_prior=0.5),
    ],
)
def test_options_out_of_range(options):
    with pytest.raises(ValueError, match='TeacherConsistency'):
        MODELS.build(dict(CONSISTENCY, **options))


def test_points_that_say_no_leave_the_teacher_other_classes():
    term = MODELS.build(CONSISTENCY)
    images, samples = batch()
    samples[1].gt_exclusions = torch.tensor([[9, 14, 1], [10, 15, 2], [23, 0, 0]])
    samples[0].gt_exclusions = torch.tensor([[0, 0, c] for c in range(3)])
    logits = torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(1))
    labels = torch.cat([sample.gt_sem_seg.data for sample in samples])
    adapted = term.adapt(logits, images, labels, samples, None).softmax(1)
    expected = logits.softmax(1)
    # Both points of one cell; four pixels a cell.
    expected[1, :, 2, 3] = torch.tensor([1.0, 0, 0])
    expected[1, 0, 5, 0] = 0
    expected[1, :, 5, 0] /= expected[1, :, 5, 0].sum()
    # Nothing is left where all three are excluded: the teacher keeps its opinion.
    torch.testing.assert_close(adapted, expected)


def test_ramp():
    assert ramp_up(0, 100) == pytest.approx(0.0067379, rel=1e-4)
    assert ramp_up(50, 100) == pytest.approx(0.2865048, rel=1e-4)
    assert ramp_up(100, 100) == ramp_up(500, 100) == ramp_up(0, 0) == 1
