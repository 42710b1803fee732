"""Backbones of transformers in clicks with a teacher, CAMs, live sessions and export."""

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner, load_checkpoint
from mmseg.registry import MODELS
from toy import resumable_config, toy_config, toy_model
from toy_tags import toy_cam_model

from mmseg_weak.apis.export_segmentor import export_segmentor
from mmseg_weak.live.pyramid import FrozenPyramid

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


@pytest.mark.parametrize('kind', FAMILIES)
@pytest.mark.parametrize('frozen', [False, True])
def test_a_student_learns_with_a_teacher_and_is_exported(kind, frozen, toy_root, tmp_path):
    model = put(kind, toy_model(consistency=CONSISTENCY), frozen=frozen)
    config = toy_config(toy_root, tmp_path, model, 2)
    config.custom_imports = dict(imports=['mmseg_weak'], allow_failed_imports=False)
    runner = Runner.from_cfg(config)
    before = {k: v.clone() for k, v in runner.model.backbone.state_dict().items()}
    runner.train()
    after = runner.model.backbone.state_dict()
    moved = [k for k, v in after.items() if not torch.equal(before[k], v)]
    assert not moved if frozen else len(moved) > len(after) / 2
    checkpoint = tmp_path / 'iter_2.pth'
    path, weights = export_segmentor(config, str(checkpoint), str(tmp_path / 'out'))
    stock = MODELS.build(Config.fromfile(path).model)
    assert type(stock).__name__ == 'EncoderDecoder'
    load_checkpoint(stock, str(weights), 'cpu', strict=True)
    load_checkpoint(runner.model, str(checkpoint), 'cpu', strict=True)
    image, metas = torch.randn(1, 3, 40, 50), [dict(img_shape=(40, 50))]
    with torch.no_grad():
        torch.testing.assert_close(
            stock.eval().encode_decode(image, metas),
            runner.model.eval().encode_decode(image, metas),
        )


@pytest.mark.parametrize('kind', ['dinov2', 'swin'])
def test_a_resumed_run_ends_as_an_uninterrupted_one(kind, toy_root, tmp_path):
    def run(folder, iterations, resume=False):
        config = resumable_config(toy_root, folder, iterations, consistency=CONSISTENCY)
        put(kind, config.model)
        config.param_scheduler[0]['end'], config.resume = 2, resume
        Runner.from_cfg(config).train()
        return torch.load(folder / f'iter_{iterations}.pth', weights_only=False)

    whole = run(tmp_path / 'whole', 2)['state_dict']
    run(tmp_path / 'parts', 1)
    resumed = run(tmp_path / 'parts', 2, resume=True)['state_dict']
    for name, value in whole.items():
        torch.testing.assert_close(resumed[name], value, atol=0, rtol=0)


@pytest.mark.parametrize('kind', FAMILIES)
def test_activation_maps_are_learnt_from_tags(kind, toy_root, tmp_path):
    config = toy_config(toy_root, tmp_path, put(kind, toy_cam_model(0)), 1)
    config.custom_hooks = config.custom_hooks[:2]
    config.val_dataloader = config.val_evaluator = config.val_cfg = None
    config.train_cfg.pop('val_interval')
    config.train_dataloader.dataset.pipeline[2].crop_size = (64, 64)
    runner = Runner.from_cfg(config)
    weight = runner.model.decode_head.state_dict()
    before = {k: v.clone() for k, v in weight.items()}
    runner.train()
    assert any(not torch.equal(before[k], v) for k, v in weight.items())


@pytest.mark.parametrize('kind', FAMILIES)
def test_maps_of_a_live_session_are_those_of_the_backbone(kind):
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
