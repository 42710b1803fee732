"""Backbones and promptable peers of transformers in every method, with random weights."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner, load_checkpoint
from mmseg.registry import MODELS
from toy import REPOSITORY, resumable_config, toy_config, toy_model
from toy_mutual import CLS, PAR, set_iteration, tagged_batch, toy_mutual
from toy_promptable import PROMPTABLE, save_promptable
from toy_tags import toy_cam_model
from toy_transfer import strong_weak_dataset, write_strong_weak

from mmseg_weak.apis.export_segmentor import export_segmentor
from mmseg_weak.labelling import CAMLabeller, make_labels
from mmseg_weak.live import LiveSession, export_masks
from mmseg_weak.live.pyramid import FrozenPyramid
from mmseg_weak.models.backbones import AttentionTransformersBackbone

pytest.importorskip('transformers', reason='transformers is not installed')

VIT = dict(
    hidden_size=16,
    num_hidden_layers=3,
    num_attention_heads=2,
    image_size=42,
    patch_size=14,
)
PYRAMID = dict(embed_dim=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 2, 2])
CONVOLUTIONS = dict(hidden_sizes=[8, 8, 16, 16], depths=[1, 1, 1, 1])
# Settings, stages, channels of the last.
FAMILIES = dict(
    dinov2=(VIT, (1, 3), 16),
    dinov3_vit=(dict(VIT, patch_size=16, intermediate_size=16), (1, 3), 16),
    swin=(dict(PYRAMID, image_size=32, window_size=2), (1, 3), 32),
    hiera=(dict(PYRAMID, image_size=[32, 64]), (1, 3), 32),
    convnext=(CONVOLUTIONS, (1, 4), 16),
    dinov3_convnext=(CONVOLUTIONS, (1, 4), 16),
)
# The promptable peer of each family's seminar.
PEERS = dict(zip(FAMILIES, [*PROMPTABLE, *PROMPTABLE]))
METHODS = ('clicks', 'seminar', 'tags')
CONSISTENCY = dict(
    type='TeacherConsistency', loss=dict(type='PixelConsistencyLoss', mode='kl')
)


def put(kind, model, **options):
    """A toy model on a backbone of the library."""
    settings, stages, channels = FAMILIES[kind]
    model['backbone'] = dict(
        type='TransformersBackbone',
        model=dict(settings, model_type=kind),
        out_indices=stages,
        **options,
    )
    model['decode_head']['in_channels'] = channels
    return model


@pytest.fixture(scope='module')
def peers(tmp_path_factory):
    """Folder of each promptable model."""
    root = tmp_path_factory.mktemp('peers')
    return {kind: save_promptable(kind, root / kind) for kind in PROMPTABLE}


def method_config(method, kind, peers, toy_root, folder, iterations):
    """A run that validates and saves after each iteration."""
    if method == 'tags':
        model = toy_cam_model(0)
    elif method == 'clicks':
        model = toy_model(consistency=CONSISTENCY)
    else:
        told = dict(model=peers[PEERS[kind]])
        model = toy_model(
            pseudo_label=dict(
                type='HeterogeneousPseudoLabelHead', threshold=0.3, promptable=told
            )
        )
    config = toy_config(toy_root, folder, put(kind, model), iterations)
    config.train_cfg.val_interval = 1
    config.val_dataloader.dataset.indices = 1
    config.train_dataloader.batch_size = 2
    config.train_dataloader.dataset.indices = 4
    config.custom_imports = dict(imports=['mmseg_weak'], allow_failed_imports=False)
    if method == 'tags':
        config.custom_hooks = config.custom_hooks[:2]
        config.train_dataloader.dataset.pipeline[2].crop_size = (64, 64)
    return config


@pytest.mark.parametrize('method', METHODS)
@pytest.mark.parametrize('kind', FAMILIES)
def test_train_validate_resume_export(kind, method, peers, toy_root, tmp_path):
    words = (method, kind, peers, toy_root, tmp_path)
    runner = Runner.from_cfg(method_config(*words, 1))
    before = {k: v.clone() for k, v in runner.model.state_dict().items()}
    score = runner.train() and runner.message_hub.get_scalar('val/mIoU').current()
    assert 0 <= score <= 100
    first = torch.load(tmp_path / 'iter_1.pth', weights_only=False)['state_dict']
    trained = [k for k in first if k.startswith('backbone')]
    moved = [k for k in trained if not torch.equal(before[k], first[k])]
    assert len(moved) > len(trained) / 2
    config = method_config(*words, 2)
    config.resume = True
    runner = Runner.from_cfg(config)
    runner.train()
    assert runner.message_hub.get_info('iter') == 1  # the second, after a resumed first
    checkpoint = tmp_path / 'iter_2.pth'
    last = torch.load(checkpoint, weights_only=False)['state_dict']
    assert last.keys() == first.keys()
    assert any(not torch.equal(first[k], last[k]) for k in trained)
    load_checkpoint(runner.model, str(checkpoint), 'cpu', strict=True)
    if method == 'tags':  # what a classifier is for
        config.dump(tmp_path / 'config.py')
        network = (str(tmp_path / 'config.py'), str(checkpoint))
        labeller = CAMLabeller([network], scales=(1.0,), background_score=0.5)
        assert make_labels(config, labeller, str(tmp_path / 'labels'))['coverage'] == 100
        return
    path, weights = export_segmentor(config, str(checkpoint), str(tmp_path / 'out'))
    stock = MODELS.build(Config.fromfile(path).model)
    assert type(stock).__name__ == 'EncoderDecoder'
    load_checkpoint(stock, str(weights), 'cpu', strict=True)
    image, metas = torch.randn(1, 3, 40, 50), [dict(img_shape=(40, 50))]
    with torch.no_grad():
        torch.testing.assert_close(
            stock.eval().encode_decode(image, metas),
            runner.model.eval().encode_decode(image, metas),
        )


@pytest.mark.parametrize('kind', FAMILIES)
def test_live_sessions(kind, toy_root, tmp_path):
    """Maps are those of the backbone; click, score, open again, write masks."""
    settings = put(kind, toy_model())['backbone']
    pyramid = FrozenPyramid(settings, long_side=64)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        backbone = MODELS.build(settings).eval()
    image = torch.randint(0, 256, (64, 64, 3), dtype=torch.uint8)
    with torch.no_grad():
        expected = backbone((image.permute(2, 0, 1)[None].float() - 127) / 128)
    for one, other in zip(pyramid(image.numpy()), expected):
        torch.testing.assert_close(
            torch.from_numpy(one).float(), other[0], atol=5e-3, rtol=5e-3
        )
    photos, work = toy_root / 'images', tmp_path / 'work'
    session = LiveSession(photos, ['background', 'square', 'disc'], work, pyramid)
    clicks = json.loads((toy_root / 'clicks.json').read_text())
    for name in sorted(clicks)[:6]:
        for click in clicks[name]:
            place = click['x'] + 0.5, click['y'] + 0.5
            session.click(f'{name}.png', *place, session.classes[click['cls']])
    mask = session.mask('toy_07.png')
    assert mask.shape == (64, 64) and len(np.unique(mask)) > 1
    assert 0 <= session.quality().accuracy <= 100
    session.journal.close()
    opened = LiveSession(photos, (), work, pyramid)
    assert (opened.mask('toy_07.png') == mask).mean() > 0.99
    export_masks(opened, tmp_path / 'masks', ['toy_07.png'])
    assert (tmp_path / 'masks/toy_07.png').exists()


def test_a_frozen_backbone_stays_and_a_resumed_run_ends_alike(toy_root, tmp_path):
    def run(folder, iterations, kind, resume=False, **options):
        config = resumable_config(toy_root, folder, iterations, consistency=CONSISTENCY)
        put(kind, config.model, **options)
        config.param_scheduler[0]['end'], config.resume = 2, resume
        runner = Runner.from_cfg(config)
        before = {k: v.clone() for k, v in runner.model.state_dict().items()}
        runner.train()
        file = folder / f'iter_{iterations}.pth'
        return before, torch.load(file, weights_only=False)['state_dict']

    before, after = run(tmp_path / 'frozen', 1, 'dinov2', frozen=True)
    for name, value in after.items():
        if name.startswith('backbone'):
            torch.testing.assert_close(value, before[name], atol=0, rtol=0)
    _, whole = run(tmp_path / 'whole', 2, 'swin')
    run(tmp_path / 'parts', 1, 'swin')
    _, resumed = run(tmp_path / 'parts', 2, 'swin', resume=True)
    for name, value in whole.items():
        torch.testing.assert_close(resumed[name], value, atol=0, rtol=0)


@pytest.mark.parametrize('kind', ['dinov2', 'dinov3_vit'])
def test_attention_shown_is_that_of_eager_attention(kind):
    """And the features are those of the plain backbone."""
    settings, stages, _ = FAMILIES[kind]
    options = dict(model=dict(settings, model_type=kind), out_indices=stages)
    torch.manual_seed(0)
    shows = AttentionTransformersBackbone(**options, num_exposed=2).eval()
    plain = MODELS.build(dict(shows.as_stock(options), type='TransformersBackbone'))
    plain.load_state_dict(shows.state_dict())
    plain.eval().model.config._attn_implementation = 'eager'
    patch = settings['patch_size']
    image = torch.randn(2, 3, 2 * patch, 3 * patch)
    with torch.no_grad():
        features, shown = shows.forward_with_attention(image)
        result = plain.model(pixel_values=image, output_attentions=True)
    for one, other in zip(features, result.feature_maps):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)
    assert len(shown) == 2
    for (queries, keys), weights in zip(shown, result.attentions[-2:]):
        assert queries.shape == (2, 2, 6, 8)
        logits = queries @ keys.transpose(2, 3) / 8**0.5
        patches = weights[:, :, -6:, -6:]
        expected = patches / patches.sum(dim=3, keepdim=True)
        torch.testing.assert_close(logits.softmax(dim=3), expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize('kind', ['dinov2', 'dinov3_vit'])
@pytest.mark.parametrize('checkpointing', [False, True])
def test_branches_promote_each_other_by_its_attention(kind, checkpointing):
    settings, stages, channels = FAMILIES[kind]
    model = toy_mutual(
        affinity_head=dict(type='AttentionAffinityHead', num_maps=4),
        affinity_loss=dict(radius=2),
    )
    model['backbone'] = dict(
        type='AttentionTransformersBackbone',
        model=dict(settings, model_type=kind),
        out_indices=stages,
        gradient_checkpointing=checkpointing,
    )
    model['cam_head']['in_channels'] = model['decode_head']['in_channels'] = channels
    torch.manual_seed(0)
    segmentor = MODELS.build(model).train()
    inputs, samples = tagged_batch()
    for iteration in (CLS, PAR):
        set_iteration(iteration)
        segmentor.zero_grad()
        losses = segmentor.loss(inputs, samples)
        sum(v for k, v in losses.items() if 'loss' in k).backward()
    assert losses['loss_aff'] > 0
    weights = dict(segmentor.backbone.named_parameters())
    queries = [k for k in weights if k.endswith('q_proj.weight')]
    assert len(queries) == 3 and all(weights[k].grad.abs().sum() > 0 for k in queries)


@pytest.mark.parametrize('kind', ['dinov2', 'convnext'])
def test_label_transfer_networks_learn_what_an_object_is(kind, toy_root, tmp_path):
    """The L-Net of label transfer: one output, masks of the strong classes alone."""
    root = write_strong_weak(toy_root, tmp_path / 'data')
    model = put(kind, toy_model())
    model['type'] = 'EncoderDecoder'
    model['data_preprocessor']['size'] = (64, 64)
    model['decode_head'].update(
        num_classes=2,
        out_channels=1,
        threshold=0.5,
        loss_decode=dict(type='ForegroundBCELoss'),
    )
    config = toy_config(root, tmp_path / 'run', model, 1)
    config.train_dataloader.dataset = strong_weak_dataset(
        root, images='strong', class_agnostic=True, pseudo_label_dir=None
    )
    config.custom_hooks = config.custom_hooks[1:2]
    config.val_dataloader = config.val_evaluator = config.val_cfg = None
    config.train_cfg.pop('val_interval')
    runner = Runner.from_cfg(config)
    before = {k: v.clone() for k, v in runner.model.backbone.state_dict().items()}
    runner.train()
    after = runner.model.backbone.state_dict()
    assert sum(not torch.equal(before[k], after[k]) for k in after) > len(after) / 2


def test_models_without_such_attention_are_refused():
    settings = dict(FAMILIES['swin'][0], model_type='swin')
    with pytest.raises(ValueError, match='a swin has no attention between all patches'):
        AttentionTransformersBackbone(settings)
    with pytest.raises(ValueError, match=r'num_exposed must be in 1..3, the layers'):
        AttentionTransformersBackbone(dict(VIT, model_type='dinov2'), num_exposed=4)


def test_the_table_of_the_documentation_names_what_is_tested():
    page = Path(REPOSITORY / 'docs/foundation.md').read_text()
    table = page.split('| `model_type` |')[1].split('\n\n')[0]
    rows = [
        [cell.strip() for cell in line.strip('|').split('|')]
        for line in table.splitlines()[2:]
    ]
    assert [row[0] for row in rows] == [f'`{kind}`' for kind in FAMILIES]
    for kind, *cells, peer in rows:
        assert peer == f'`{PEERS[kind.strip("`")]}`', kind
        assert all(cell == 'yes' for cell in cells[: len(METHODS) + 1])
