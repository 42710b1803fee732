"""A method made outside the package: no file of the package knows it."""

import copy

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.models import EncoderDecoder
from mmseg.registry import HOOKS, MODELS
from PIL import Image
from toy import toy_config, toy_model

from mmseg_weak.apis.export_segmentor import export_segmentor
from mmseg_weak.apis.path_check import check_paths
from mmseg_weak.apis.visualize import VisualizeOptions, visualize
from mmseg_weak.checkpoints import require_weights
from mmseg_weak.models import WeakSegmentor


@MODELS.register_module(force=True)
class SizeSegmentor(WeakSegmentor, EncoderDecoder):
    """A toy method: a second head learns the share of each class among the clicks."""

    stock_type = 'EncoderDecoder'
    training_only = ('share_head',)
    needs_hooks = dict(share_head=('ShareHook', 'the shares are never counted'))
    extra_predictions = dict(background='pred_background')

    def __init__(self, *args, share_weight=0.1, priors=None, **kwargs):
        super().__init__(*args, **kwargs)
        self.share_head = torch.nn.Linear(16, self.num_classes)
        self.share_weight, self.priors = share_weight, priors
        self.counted = None

    @classmethod
    def files(cls, model):
        return {} if model.get('priors') is None else dict(priors=model['priors'])

    def loss(self, inputs, data_samples):
        features = self.extract_feat(inputs)
        losses = self._decode_head_forward_train(features, data_samples)
        shares = self.share_head(features[1].mean((2, 3))).softmax(1)
        wanted = self.counted.to(shares) / self.counted.sum()
        losses['loss_share'] = self.share_weight * (shares - wanted).square().sum()
        return losses

    def predict(self, inputs, data_samples=None):
        samples = super().predict(inputs, data_samples)
        for sample in samples:
            dark = copy.deepcopy(sample.pred_sem_seg)
            dark.data = torch.zeros_like(dark.data)
            sample.set_data(dict(pred_background=dark))
        return samples


@HOOKS.register_module(force=True)
class ShareHook(Hook):
    """Counts the clicks of each class."""

    def before_train(self, runner):
        clicks = runner.train_dataloader.dataset.click_report['clicks_per_class']
        runner.model.counted = torch.tensor(list(clicks.values()))


@pytest.fixture(scope='module')
def method(toy_root, tmp_path_factory):
    """Config of two iterations and the runner that did them."""
    folder = tmp_path_factory.mktemp('method')
    model = toy_model()
    model.update(type='SizeSegmentor', share_weight=0.5)
    config = toy_config(toy_root, folder, model, max_iters=2)
    config.custom_hooks = [dict(type='ClassCheckHook'), dict(type='ShareHook')]
    config.dump(folder / 'own.py')
    runner = Runner.from_cfg(copy.deepcopy(config))
    runner.train()
    return Config.fromfile(folder / 'own.py'), str(folder / 'iter_2.pth'), runner


def test_it_trains_with_its_extra_part(method):
    _, checkpoint, runner = method
    saved = torch.load(checkpoint, weights_only=False)['state_dict']
    start = MODELS.build(dict(runner.cfg.model)).state_dict()
    assert saved.keys() == start.keys() and 'share_head.weight' in saved
    assert runner.message_hub.get_scalar('train/loss_share').current() > 0


def test_an_absent_hook_and_file_are_named(method, tmp_path):
    config = copy.deepcopy(method[0])
    config.work_dir, config.experiment_name = str(tmp_path), tmp_path.name
    config.custom_hooks.pop()
    with pytest.raises(ValueError, match='"ShareHook".* the shares are never counted'):
        Runner.from_cfg(config).train()
    config.model.priors = 'no.npy'
    with pytest.raises(FileNotFoundError, match=r'no\.npy does not exist .model\.priors'):
        check_paths(config, ('train',))


def test_its_stock_form_loads_strictly_and_predicts_the_same(method, tmp_path):
    config, checkpoint, runner = method
    paths = export_segmentor(config, checkpoint, str(tmp_path))
    text = paths[0].read_text()
    assert 'share' not in text and 'Partial' not in text
    stock = MODELS.build(Config.fromfile(paths[0]).model)
    assert type(stock) is EncoderDecoder
    stock.load_state_dict(torch.load(paths[1])['state_dict'], strict=True)
    images = torch.randn(1, 3, 48, 48)
    with torch.no_grad():
        expected = runner.model.eval()(images)
        torch.testing.assert_close(stock.eval()(images), expected)
    # A test does without the extra part, a resumed training does not.
    require_weights(runner.model, stock.state_dict(), 'a.pth')
    with pytest.raises(ValueError, match='share_head.* is absent'):
        require_weights(runner.model, stock.state_dict(), 'a.pth', training=True)


def test_pictures_show_its_extra_prediction(method, tmp_path):
    config, checkpoint, _ = method
    options = VisualizeOptions(str(tmp_path), num_images=1)
    page = visualize(config, checkpoint, options).read_text()
    assert 'prediction = background' in page and 'background IoU' in page
    (path,) = (tmp_path / 'panels').iterdir()
    assert Image.open(path).width == 4 * 192 + 3 * 4  # image, both predictions, mask
