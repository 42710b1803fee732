"""Rounds of clustering inside a training run."""

import copy
import json
import subprocess
import sys

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS, MODELS
from toy import REPOSITORY
from toy_tags import NUM_IMAGES, toy_cam_model, toy_tag_config, write_tag_set

KILLED = """
import os, signal, sys
sys.path.insert(0, {tests!r})
import mmseg_weak.engine.hooks.sub_category_clustering_hook as hook
from mmengine.config import Config
from mmengine.runner import Runner
cluster = hook.cluster_classes
def killed(*args):
    cluster(*args)
    if args[4][1] == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return cluster(*args)
hook.cluster_classes = killed
Runner.from_cfg(Config.fromfile({config!r})).train()
"""


class Spy(Hook):
    """Weights, learning rate and momenta as each iteration meets them."""

    priority = 'LOWEST'

    def __init__(self):
        self.weights, self.rates, self.momenta = {}, {}, {}

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        state = runner.model.state_dict()
        self.weights[runner.iter] = {k: v.clone() for k, v in state.items()}
        self.rates[runner.iter] = runner.optim_wrapper.get_lr()['lr'][0]
        self.momenta[runner.iter] = len(runner.optim_wrapper.optimizer.state)


@pytest.fixture(scope='module')
def tag_folder(toy_root, tmp_path_factory):
    folder = tmp_path_factory.mktemp('tags')
    write_tag_set(toy_root, folder)
    return folder


@pytest.fixture(scope='module')
def whole(toy_root, tag_folder, tmp_path_factory):
    """An uninterrupted run."""
    folder = tmp_path_factory.mktemp('whole')
    return train(toy_tag_config(toy_root, tag_folder, folder, num_pictures=2))


def train(config):
    runner = Runner.from_cfg(copy.deepcopy(config))
    runner.spy = Spy()
    runner.register_hook(runner.spy)
    runner.train()
    return runner


def checkpoint(work_dir, iteration):
    path = f'{work_dir}/iter_{iteration}.pth'
    return torch.load(path, map_location='cpu', weights_only=False)


def assert_same_state(first, second, **tolerance):
    assert set(first) == set(second)
    for key, value in first.items():
        torch.testing.assert_close(value, second[key], msg=key, **tolerance)


def test_each_round_starts_again(whole):
    spy = whole.spy
    for start in (2, 4):
        assert_same_state(spy.weights[start], spy.weights[0], rtol=0, atol=0)
        assert spy.rates[start] == spy.rates[0]
        assert spy.rates[start + 1] == spy.rates[1] != spy.rates[0]
        assert spy.momenta[start] == 0 < spy.momenta[start + 1]
    key = 'backbone.conv1.weight'
    assert not torch.equal(spy.weights[3][key], spy.weights[1][key])


def test_checkpoint_is_plain_beside_the_clusters(whole):
    saved = checkpoint(whole.work_dir, 6)
    MODELS.build(toy_cam_model()).load_state_dict(saved['state_dict'], strict=True)
    state = saved['sub_categories']
    assert state['round'] == 2
    assert 'initial_weights' not in state, 'no round is left that needs them'
    assert state['assignments'].shape == (NUM_IMAGES, 2)
    # Images without a class have no cluster in it.
    present = state['assignments'] >= 0
    assert present.tolist() == [[i % 3 != 1, i % 3 != 2] for i in range(NUM_IMAGES)]
    first = checkpoint(whole.work_dir, 3)['sub_categories']
    assert_same_state(first['initial_weights'], whole.spy.weights[0], rtol=0, atol=0)


def test_report_and_pictures(whole):
    for number in (1, 2):
        folder = REPOSITORY / whole.work_dir / 'sub_categories'
        report = json.loads((folder / f'round_{number}.json').read_text())
        assert report['images'] == NUM_IMAGES
        for name in ('square', 'disc'):
            found = report['classes'][name]
            assert sum(found['sizes']) == found['images']
            assert found['inertia'] >= 0
            assert (folder / f'round_{number}' / f'{name}.jpg').stat().st_size > 0


@pytest.mark.parametrize('iteration', [2, 3])
def test_resume_ends_with_the_same_clusters(
    iteration, whole, toy_root, tag_folder, tmp_path
):
    config = toy_tag_config(toy_root, tag_folder, tmp_path)
    config.resume = True
    config.load_from = f'{whole.work_dir}/iter_{iteration}.pth'
    train(config)
    compare_with(whole, tmp_path)


def test_features_in_files_change_nothing(whole, toy_root, tag_folder, tmp_path):
    config = toy_tag_config(toy_root, tag_folder, tmp_path, feature_memory=0)
    train(config)
    compare_with(whole, tmp_path)
    assert not (tmp_path / 'sub_categories' / 'features').exists()


def compare_with(whole, work_dir):
    expected, found = (checkpoint(d, 6) for d in (whole.work_dir, work_dir))
    assert_same_state(expected['state_dict'], found['state_dict'], rtol=0, atol=0)
    clusters = [c['sub_categories']['assignments'] for c in (expected, found)]
    assert torch.equal(*clusters)


def test_killed_while_clustering(whole, toy_root, tag_folder, tmp_path):
    config = toy_tag_config(toy_root, tag_folder, tmp_path / 'work')
    config.dump(tmp_path / 'config.py')
    script = KILLED.format(
        tests=str(REPOSITORY / 'tests'), config=str(tmp_path / 'config.py')
    )
    done = subprocess.run([sys.executable, '-W', 'ignore', '-c', script], timeout=300)
    assert done.returncode == -9
    assert not (tmp_path / 'work' / 'sub_categories' / 'round_2.json').exists()
    config.resume = True
    train(config)
    compare_with(whole, tmp_path / 'work')


def test_going_on_instead_of_starting_again(toy_root, tag_folder, tmp_path):
    config = toy_tag_config(
        toy_root,
        tag_folder,
        tmp_path,
        max_iters=4,
        rounds=(2,),
        restart=False,
        restart_schedule=False,
    )
    spy = train(config).spy
    before = checkpoint(tmp_path, 2)['state_dict']
    new = 'sub_category_head.classifier.weight'
    for key, value in spy.weights[2].items():
        expected = spy.weights[0] if key == new else before
        torch.testing.assert_close(value, expected[key], rtol=0, atol=0)
    assert spy.rates[2] < spy.rates[1] < spy.rates[0]
    kept = checkpoint(tmp_path, 2)['sub_categories']['initial_weights']
    assert list(kept) == [new]


def test_clusters_of_a_finished_classifier(whole, toy_root, tag_folder, tmp_path):
    """Its features are clustered, its weights are not trained on."""
    finished = f'{whole.work_dir}/iter_2.pth'
    config = toy_tag_config(
        toy_root, tag_folder, tmp_path, 2, rounds=(0,), features_from=finished
    )
    runner = train(config)
    of_round_1 = checkpoint(whole.work_dir, 3)['sub_categories']['assignments']
    assignments = runner.model.sub_category_head.assignments
    torch.testing.assert_close(assignments, of_round_1, rtol=0, atol=0)
    assert_same_state(runner.spy.weights[0], whole.spy.weights[0], rtol=0, atol=0)


def test_features_from_another_network(whole, toy_root, tag_folder, tmp_path):
    saved = checkpoint(whole.work_dir, 2)
    del saved['state_dict']['backbone.conv1.weight']
    torch.save(saved, tmp_path / 'other.pth')
    options = dict(rounds=(0,), features_from=str(tmp_path / 'other.pth'))
    with pytest.raises(ValueError, match=r'other\.pth is not a checkpoint of'):
        train(toy_tag_config(toy_root, tag_folder, tmp_path / 'work', **options))
    options['features_from'] = str(tmp_path / 'absent.pth')
    with pytest.raises(FileNotFoundError, match='absent'):
        train(toy_tag_config(toy_root, tag_folder, tmp_path / 'work', **options))


def test_epochs_and_persistent_workers(toy_root, tag_folder, tmp_path):
    config = toy_tag_config(toy_root, tag_folder, tmp_path, rounds=(1,), by_epoch=True)
    config.train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=2)
    config.train_dataloader.sampler = dict(type='DefaultSampler', shuffle=True)
    config.train_dataloader.num_workers = 1
    config.train_dataloader.persistent_workers = True
    config.param_scheduler = []
    runner = train(config)
    assert runner.model.sub_category_head.round == 1
    losses = runner.message_hub.get_scalar('train/sub.loss_sub').data[0]
    half = len(losses) // 2
    assert (losses[:half] == 0).all()
    assert (losses[half:] > 0).all()


def test_class_without_images_and_more_clusters_than_images(
    toy_root, tag_folder, tmp_path, caplog
):
    clicks = json.loads((tag_folder / 'clicks.json').read_text())
    for i, name in enumerate(sorted(clicks)):
        keep = (0, 1) if i < 3 else (0,)
        clicks[name] = [c for c in clicks[name] if c['cls'] in keep]
    (tmp_path / 'clicks.json').write_text(json.dumps(clicks))
    (tmp_path / 'train.txt').write_text('\n'.join(clicks))
    config = toy_tag_config(toy_root, tmp_path, tmp_path / 'work', 2, rounds=(1,))
    config.model.sub_category_head.num_clusters = 5
    runner = train(config)
    report = json.loads((tmp_path / 'work/sub_categories/round_1.json').read_text())
    assert report['classes']['disc'] == dict(images=0, sizes=[], inertia=0.0)
    assert (
        report['classes']['square']['sizes'] == [1] * report['classes']['square']['images']
    )
    assert (runner.model.sub_category_head.assignments[:, 1] == -1).all()


@pytest.mark.parametrize(
    'options',
    [
        dict(rounds=[]),
        dict(rounds=[4, 2]),
        dict(rounds=[1], num_restarts=0),
        dict(rounds=[1], features_from='classifier.pth'),
        dict(rounds=[0], features_from='classifier.pth', restart=False),
    ],
)
def test_options_out_of_range(options):
    with pytest.raises(ValueError, match='SubCategoryClusteringHook'):
        HOOKS.build(dict(type='SubCategoryClusteringHook', **options))


def test_model_without_sub_categories(toy_root, tag_folder, tmp_path):
    config = toy_tag_config(toy_root, tag_folder, tmp_path)
    config.model.pop('sub_category_head')
    with pytest.raises(ValueError, match='needs a CAMSegmentor with sub_category_head'):
        train(config)


def test_round_after_the_end(toy_root, tag_folder, tmp_path):
    config = toy_tag_config(toy_root, tag_folder, tmp_path, rounds=(2, 6))
    with pytest.raises(ValueError, match='after 6 iterations, the training ends at 6'):
        train(config)


def test_wrapped_data_set(toy_root, tag_folder, tmp_path):
    config = toy_tag_config(toy_root, tag_folder, tmp_path)
    data = config.train_dataloader.dataset
    config.train_dataloader.dataset = dict(type='RepeatDataset', times=2, dataset=data)
    with pytest.raises(ValueError, match='RepeatDataset wraps one'):
        train(config)


def test_resumed_checkpoint_of_another_run(whole, toy_root, tag_folder, tmp_path):
    saved = checkpoint(whole.work_dir, 2)
    del saved['sub_categories']
    torch.save(saved, tmp_path / 'other.pth')
    config = toy_tag_config(toy_root, tag_folder, tmp_path)
    config.resume, config.load_from = True, str(tmp_path / 'other.pth')
    with pytest.raises(ValueError, match='holds no sub-categories'):
        train(config)


def test_resuming_with_a_round_more(whole, toy_root, tag_folder, tmp_path):
    """The last round no longer keeps what another one would start from."""
    saved = checkpoint(whole.work_dir, whole.iter)
    assert 'initial_weights' not in saved['sub_categories']
    path = f'{whole.work_dir}/iter_{whole.iter}.pth'
    config = toy_tag_config(toy_root, tag_folder, tmp_path, rounds=[2, 4, whole.iter])
    config.train_cfg.max_iters = whole.iter + 2
    config.resume, config.load_from = True, path
    with pytest.raises(ValueError, match='no longer holds the initial weights that round'):
        train(config)
