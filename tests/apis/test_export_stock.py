"""A model of mmseg, such as a student, exports as what it is."""

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner, load_checkpoint
from mmseg.apis import inference_model, init_model
from mmseg.registry import MODELS
from toy import toy_config, toy_model

from mmseg_weak.apis.export_segmentor import export_segmentor, stock_form


def test_a_model_of_mmseg_is_written_whole(toy_root, tmp_path):
    model = dict(toy_model(), type='EncoderDecoder')
    config = toy_config(toy_root, tmp_path / 'work', model, max_iters=1)
    runner = Runner.from_cfg(config)
    runner.train()
    paths = export_segmentor(config, str(tmp_path / 'work' / 'iter_1.pth'), str(tmp_path))
    exported = Config.fromfile(paths[0])
    assert exported.model.data_preprocessor.type == 'SegDataPreProcessor'
    assert 'mmseg_weak' not in str(exported.model) and not exported.custom_hooks
    stock = MODELS.build(exported.model)
    load_checkpoint(stock, str(paths[1]), 'cpu', strict=True)
    image, metas = torch.randn(1, 3, 40, 50), [dict(img_shape=(40, 50))]
    with torch.no_grad():
        expected = runner.model.eval().encode_decode(image, metas)
        torch.testing.assert_close(stock.eval().encode_decode(image, metas), expected)


def test_a_photograph_is_enough_where_tests_score_clicks(toy_root, tmp_path):
    """As of `init`: photographs held out have clicks and no masks."""
    config = toy_config(toy_root, tmp_path / 'work', toy_model(), max_iters=1)
    clicked = config.train_dataloader.dataset.copy()
    clicked.pipeline = [
        dict(type='LoadImageFromFile'),
        dict(type='LoadClicks'),
        dict(type='Resize', scale=(64, 64), keep_ratio=True),
        dict(type='PackWeakSegInputs'),
    ]
    config.test_dataloader = dict(config.val_dataloader, dataset=clicked)
    torch.manual_seed(0)
    state = MODELS.build(config.model).state_dict()
    torch.save(dict(state_dict=state), tmp_path / 'weights.pth')
    paths = export_segmentor(config, str(tmp_path / 'weights.pth'), str(tmp_path / 'out'))
    exported = init_model(*map(str, paths), device='cpu')
    photo = str(toy_root / 'images' / 'toy_00.png')
    assert inference_model(exported, photo).pred_sem_seg.data.shape == (1, 64, 64)
    names = [step.type for step in Config.fromfile(paths[0]).test_pipeline]
    assert names == ['LoadImageFromFile', 'Resize', 'PackSegInputs']


def test_what_is_no_segmentor_is_refused():
    with pytest.raises(ValueError, match='ResNet cannot be exported: export takes a seg'):
        stock_form(dict(type='ResNet', depth=18), {})
