"""Gradients, phases, resume, export and two ranks of the adversarial training."""

import copy

import pytest
import torch
import torch.nn.functional as F
from mmengine.config import ConfigDict
from mmengine.optim import build_optim_wrapper
from mmengine.runner import Runner
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from toy import toy_model
from toy_transfer import transfer_config, transfer_model, write_strong_weak

from mmseg_weak.models.transfer import category_masks, down_up, shown_classes

OPTIMIZERS = ConfigDict(
    constructor='PredictionTransferOptimWrapperConstructor',
    segmentor=dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.1)),
    prediction_network=dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.1)),
)


@pytest.fixture(scope='module')
def root(toy_root, tmp_path_factory):
    return write_strong_weak(toy_root, tmp_path_factory.mktemp('transfer'))


def build(**changes):
    torch.manual_seed(0)
    model = MODELS.build(transfer_model(**changes))
    model.init_weights()
    return model.train()


def make_batch(listed=True):
    """Images 0 and 1 show classes 1 and 1, 2; image 2 shows background only."""
    generator = torch.Generator().manual_seed(0)
    inputs, samples = [], []
    for i in range(3):
        labels = torch.zeros(1, 64, 64, dtype=torch.long)
        labels[:, :5] = 255
        if i < 2:
            labels[:, 10:30, 10:30] = 1
        if i == 1:
            labels[:, 40:60, 20:50] = 2
        sample = SegDataSample(gt_sem_seg=PixelData(data=labels))
        sample.set_metainfo(dict(img_shape=(64, 64)))
        if listed:
            sample.set_metainfo(dict(mask_classes=((1,), (1, 2), ())[i]))
        samples.append(sample)
        inputs.append(torch.randint(0, 256, (3, 64, 64), generator=generator).byte())
    return dict(inputs=inputs, data_samples=samples)


def state(module):
    return {key: value.clone() for key, value in module.state_dict().items()}


def same(one, other):
    return all(torch.equal(one[key], other[key]) for key in one)


def test_classes_shown_are_found_with_and_without_the_list():
    for listed in (True, False):
        samples = make_batch(listed)['data_samples']
        labels = torch.cat([s.gt_sem_seg.data for s in samples])
        image, category = shown_classes(samples, labels)
        assert list(zip(image.tolist(), category.tolist())) == [(0, 1), (1, 1), (1, 2)]


def test_masks_equal_a_slow_form():
    samples = make_batch()['data_samples']
    labels = torch.cat([s.gt_sem_seg.data for s in samples])
    logits, inputs = torch.randn(3, 3, 16, 16), torch.randn(3, 3, 64, 64)
    pairs = shown_classes(samples, labels)
    masks = category_masks(inputs, labels, logits, pairs, stride=4)
    for k, (i, c) in enumerate([(0, 1), (1, 1), (1, 2)]):
        probability = F.interpolate(
            logits[i].softmax(0)[None, c : c + 1], (64, 64), mode='bilinear'
        )
        probability[:, :, :5] = 0
        real = (labels[i] == c).float()[None, None]
        for found, full in ((masks.fake, probability), (masks.real, real)):
            coarse = F.avg_pool2d(full, 8)
            expected = F.interpolate(coarse, (16, 16), mode='bilinear')[0]
            torch.testing.assert_close(found[k], expected)
        torch.testing.assert_close(masks.images[k], F.avg_pool2d(inputs[i], 4))


def test_a_perfect_prediction_looks_like_the_mask():
    """Softness is no cue: one-hot probabilities give the real masks bit by bit."""
    samples = make_batch()['data_samples']
    labels = torch.cat([s.gt_sem_seg.data for s in samples])
    onehot = F.one_hot(labels.where(labels != 255, 1), 3).permute(0, 3, 1, 2) * 1e4
    pairs = shown_classes(samples, labels)
    masks = category_masks(torch.zeros(3, 3, 64, 64), labels, onehot.float(), pairs)
    torch.testing.assert_close(masks.real, masks.fake)


def test_sizes_that_eight_does_not_divide():
    masks = torch.rand(2, 1, 45, 50)
    assert down_up(masks, (12, 13)).shape == (2, 1, 12, 13)
    assert down_up(masks[:0], (12, 13)).shape == (0, 1, 12, 13)


def test_adversarial_gradient_reaches_the_segmenter_only():
    model = build()
    data = model.data_preprocessor(make_batch(), True)
    _, logits = model(data['inputs'], data['data_samples'], mode='transfer')
    masks = model._masks(data['inputs'], data['data_samples'], logits)
    loss = model._adversarial_loss(masks)
    loss.backward()
    for module in (model.backbone, model.decode_head):
        assert any(
            p.grad is not None and p.grad.abs().max() > 0 for p in module.parameters()
        )
    assert all(p.grad is None for p in model.prediction_network.parameters())
    # lambda * mean over the pairs of BCE(1, P(image * mask))
    logit = model.prediction_network(masks.images * masks.fake)
    expected = 0.1 * F.binary_cross_entropy_with_logits(logit, torch.ones(3))
    torch.testing.assert_close(loss, expected)


def test_prediction_step_is_the_published_loss():
    model = build()
    data = model.data_preprocessor(make_batch(), True)
    masks = model._masks(
        data['inputs'], data['data_samples'], model.dense_logits(data['inputs'])
    )
    reference = copy.deepcopy(model.prediction_network)
    optimizers = build_optim_wrapper(model, OPTIMIZERS)
    logged = model._prediction_step(masks, optimizers['prediction_network'])
    real = reference(masks.images * masks.real)
    fake = reference(masks.images * masks.fake)
    loss = F.binary_cross_entropy_with_logits(real, torch.ones(3))
    loss = loss + F.binary_cross_entropy_with_logits(fake, torch.zeros(3))
    loss.backward()
    torch.testing.assert_close(logged['prediction_loss'], loss.detach())
    for p, q in zip(reference.parameters(), model.prediction_network.parameters()):
        torch.testing.assert_close(p.data - 0.1 * p.grad, q.data)
    right = (real > 0).float().mean() * 100
    torch.testing.assert_close(logged['prediction_acc_real'], right)


def test_pretraining_leaves_the_segmenter_untouched():
    model = build(phase='pretrain')
    optimizers = build_optim_wrapper(model, OPTIMIZERS)
    before, network = state(model), state(model.prediction_network)
    for _ in range(3):
        model.train()
        logged = model.train_step(make_batch(), optimizers)
    assert same(before, state(model)), 'weights and running statistics'
    assert not same(network, state(model.prediction_network))
    assert set(logged) == {
        'prediction_loss',
        'prediction_acc_real',
        'prediction_acc_fake',
    }
    assert all(p.grad is None for p in model.parameters())


def test_joint_step_moves_both_and_logs_both():
    model = build()
    optimizers = build_optim_wrapper(model, OPTIMIZERS)
    before, network = state(model), state(model.prediction_network)
    logged = model.train_step(make_batch(), optimizers)
    assert not same(before, state(model))
    assert not same(network, state(model.prediction_network))
    for key in ('loss', 'loss_adversarial', 'prediction_loss', 'prediction_acc_fake'):
        assert logged[key].isfinite()


def test_zero_weight_trains_the_plain_segmenter():
    model, plain = build(adversarial_weight=0), build()
    plain.__class__ = MODELS.get('SeminarSegmentor')
    torch.manual_seed(1)
    model.train_step(make_batch(), build_optim_wrapper(model, OPTIMIZERS))
    torch.manual_seed(1)
    plain.train_step(make_batch(), build_optim_wrapper(plain, OPTIMIZERS['segmentor']))
    assert same(state(plain), state(model))


def test_batch_without_objects():
    batch = make_batch()
    for sample in batch['data_samples']:
        sample.set_metainfo(dict(mask_classes=()))
    for phase in ('joint', 'pretrain'):
        model = build(phase=phase)
        network = state(model.prediction_network)
        logged = model.train_step(batch, build_optim_wrapper(model, OPTIMIZERS))
        assert logged['prediction_loss'] == 0
        assert same(network, state(model.prediction_network))


def test_network_follows_the_model():
    model = build().double()
    assert next(model.prediction_network.parameters()).dtype == torch.float64
    assert (
        model.prediction_network.training and not model.eval().prediction_network.training
    )
    plain = transfer_model()
    for key in ('prediction_network', 'stride'):
        plain.pop(key)
    plain['type'] = 'EncoderDecoder'
    plain['data_preprocessor']['type'] = 'SegDataPreProcessor'
    plain['decode_head']['loss_decode'] = dict(type='CrossEntropyLoss')
    MODELS.build(plain).load_state_dict(model.float().state_dict(), strict=True)


def test_ramp():
    from mmengine.logging import MessageHub

    hub = MessageHub.get_current_instance()
    model = build(adversarial_weight=2.0, ramp_ratio=0.5)
    try:
        hub.update_info('max_iters', 100)
        weights = []
        for iteration in (0, 25, 50, 99):
            hub.update_info('iter', iteration)
            weights.append(model._weight())
    finally:
        hub.update_info('max_iters', 0)
        hub.update_info('iter', 0)
    assert weights == sorted(weights) and weights[0] < 0.02 and weights[2] == 2.0


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(phase='both'), 'phase must be in'),
        (dict(adversarial_weight=-1), 'adversarial_weight must be'),
        (dict(ramp_ratio=2), 'adversarial_weight must be'),
        (dict(stride=0), 'stride must be'),
        (
            dict(prediction_network=dict(type='PredictionNetwork', hidden=(1,))),
            'hidden two',
        ),
    ],
)
def test_bad_options(changes, message):
    with pytest.raises(ValueError, match=message):
        build(**changes)


def test_one_optimiser_is_refused():
    model = build()
    single = build_optim_wrapper(model, OPTIMIZERS['segmentor'])
    with pytest.raises(ValueError, match='needs two optimisers'):
        model.train_step(make_batch(), single)
    with pytest.raises(ValueError, match='missing: prediction_network'):
        build_optim_wrapper(
            model, dict(constructor=OPTIMIZERS.constructor, segmentor=OPTIMIZERS.segmentor)
        )


def test_shared_options_reach_both():
    wrappers = build_optim_wrapper(build(), {**OPTIMIZERS, 'accumulative_counts': 2})
    assert all(wrapper._accumulative_counts == 2 for wrapper in wrappers.values())


def test_mixed_precision_step():
    """Under autocast the losses are near those in full precision."""
    logged = []
    for mixed in (False, True):
        model = build()
        wrappers = build_optim_wrapper(model, OPTIMIZERS)
        torch.manual_seed(1)
        with torch.autocast('cpu', torch.bfloat16, enabled=mixed):
            logged.append(model.train_step(make_batch(), wrappers))
        assert all(p.isfinite().all() for p in model.parameters())
    for key in ('loss', 'loss_adversarial', 'prediction_loss'):
        torch.testing.assert_close(
            logged[0][key].float(), logged[1][key].float(), rtol=0.1, atol=0.05
        )
    assert not torch.equal(logged[0]['loss'], logged[1]['loss'])


def test_cascade_moves_both_stages_and_the_network():
    settings = transfer_model()
    settings.update(type='CascadePredictionTransferSegmentor', num_stages=2)
    second = dict(settings['decode_head'], type='OCRHead', ocr_channels=8)
    second.pop('num_convs')
    settings['decode_head'] = [settings['decode_head'], second]
    torch.manual_seed(0)
    model = MODELS.build(settings)
    model.init_weights()
    heads = [state(head) for head in model.decode_head]
    network = state(model.prediction_network)
    logged = model.train_step(make_batch(), build_optim_wrapper(model, OPTIMIZERS))
    assert logged['loss_adversarial'].isfinite()
    assert not any(same(old, state(h)) for old, h in zip(heads, model.decode_head))
    assert not same(network, state(model.prediction_network))


def test_accumulation_equals_one_step_on_the_sum():
    model, accumulating = build(phase='pretrain'), build(phase='pretrain')
    model.train_step(make_batch(), build_optim_wrapper(model, OPTIMIZERS))
    wrappers = build_optim_wrapper(accumulating, {**OPTIMIZERS, 'accumulative_counts': 2})
    for _ in range(2):
        accumulating.train_step(make_batch(), wrappers)
    for p, q in zip(
        model.prediction_network.parameters(), accumulating.prediction_network.parameters()
    ):
        torch.testing.assert_close(p, q)


def load(path):
    return torch.load(path, map_location='cpu', weights_only=False)


def test_resume_equals_uninterrupted(root, tmp_path):
    Runner.from_cfg(transfer_config(root, tmp_path / 'whole')).train()
    Runner.from_cfg(transfer_config(root, tmp_path / 'parts', max_iters=2)).train()
    config = transfer_config(root, tmp_path / 'parts')
    config.resume, config.load_from = True, str(tmp_path / 'parts' / 'iter_2.pth')
    Runner.from_cfg(config).train()
    whole, parts = (load(tmp_path / name / 'iter_4.pth') for name in ('whole', 'parts'))
    assert same(whole['state_dict'], parts['state_dict'])
    assert same(whole['prediction_network'], parts['prediction_network'])
    for name in ('segmentor', 'prediction_network'):
        one, other = (c['optimizer'][name]['state'] for c in (whole, parts))
        assert one.keys() == other.keys() and len(one) > 0
        assert all(torch.equal(one[i]['exp_avg'], other[i]['exp_avg']) for i in one)


def test_phases_hand_over_and_the_checkpoint_is_plain(root, tmp_path):
    """Phase i starts phase ii; the result is a stock model with the same score."""
    pretrain = transfer_config(
        root, tmp_path / 'i', 2, model=dict(phase='pretrain'), data=dict(images='strong')
    )
    Runner.from_cfg(pretrain).train()
    first = load(tmp_path / 'i' / 'iter_2.pth')
    config = transfer_config(root, tmp_path / 'ii', 2)
    config.load_from = str(tmp_path / 'i' / 'iter_2.pth')
    runner = Runner.from_cfg(config)
    runner.load_or_resume()
    assert same(first['prediction_network'], runner.model.prediction_network.state_dict())
    assert same(first['state_dict'], runner.model.state_dict())
    runner.train()
    score = runner.val()
    stock = transfer_config(root, tmp_path / 'stock', 2)
    for key in ('prediction_network', 'stride'):
        stock.model.pop(key)
    stock.model.type = 'EncoderDecoder'
    stock.model.data_preprocessor.type = 'SegDataPreProcessor'
    stock.model.decode_head.loss_decode = dict(type='CrossEntropyLoss')
    for key in ('optim_wrapper', 'train_cfg', 'train_dataloader', 'param_scheduler'):
        stock.pop(key)
    stock.custom_hooks = []
    stock.test_dataloader, stock.test_evaluator = stock.val_dataloader, stock.val_evaluator
    stock.test_cfg = dict(type='TestLoop')
    plain = Runner.from_cfg(stock)
    plain.model.load_state_dict(load(tmp_path / 'ii' / 'iter_2.pth')['state_dict'])
    assert plain.test() == score


def test_another_network_in_the_checkpoint(root, tmp_path):
    Runner.from_cfg(transfer_config(root, tmp_path / 'a', 1)).train()
    network = dict(type='PredictionNetwork', channels=(4, 4, 4))
    config = transfer_config(
        root, tmp_path / 'b', 1, model=dict(prediction_network=network)
    )
    config.load_from = str(tmp_path / 'a' / 'iter_1.pth')
    with pytest.raises(ValueError, match='prediction transfer network of the checkpoint'):
        Runner.from_cfg(config).train()


def test_a_run_without_its_hook_is_refused(root, tmp_path):
    config = transfer_config(root, tmp_path, 1)
    config.custom_hooks = [dict(type='ClassCheckHook')]
    with pytest.raises(ValueError, match='needs dict.type="PredictionNetworkHook"'):
        Runner.from_cfg(config).train()


def test_a_hook_without_its_model_is_refused(root, tmp_path):
    config = transfer_config(root, tmp_path, 1)
    config.model = toy_model()
    config.optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.1))
    with pytest.raises(ValueError, match='the model is a SeminarSegmentor'):
        Runner.from_cfg(config).train()


def test_models_that_cannot_be_transferred_to_are_refused():
    with pytest.raises(ValueError, match='leave consistency out'):
        MODELS.build(transfer_model(consistency=dict(type='TeacherConsistency')))
    model = transfer_model()
    model['decode_head'].update(num_classes=2, out_channels=1)
    model['decode_head']['loss_decode'] = dict(type='ForegroundBCELoss')
    with pytest.raises(ValueError, match='one output per class'):
        MODELS.build(model)
