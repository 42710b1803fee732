"""Typed stages know their commands, checkpoints and mistakes."""

import sys

import pytest
import torch

from mmseg_weak.stages import list_stages, load_stages, run_stages, select_stages

LIST = """
steps = dict(threshold='{threshold}', views=['{scales}', '2.0'], keep=True, masks=[])
threshold = 0.7
scales = ['0.5', '1.0']
learn = 'train.py'
env = dict(COLOUR='blue {seed}')
stages = [
    dict(type='Train', name='first', config='{learn}', inputs=['clicks']),
    dict(type='Label', name='labels', network=['first', 'first'], options='{steps}'),
    dict(type='Train', name='second', config='{learn}', labels='labels',
         load_from='first', options={'model.weight': 2}, env=dict(FLAT='{work_dir}')),
    dict(type='Test', name='test', network='second', config='other.py', tta=True),
]
"""


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Loads a list beside two training configs."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'train.py').write_text('train_cfg = dict(max_iters=30)')
    (tmp_path / 'other.py').write_text("name = '{{$COLOUR:red}}'")
    (tmp_path / 'clicks').write_text('')

    def load(text=LIST, old='', new='', **options):
        assert old in text
        (tmp_path / 'list.py').write_text(text.replace(old, new) if old else text)
        return load_stages('list.py', 'work', 5, **options)

    return load


def test_commands_inputs_and_outputs(load):
    first, labels, second, test = load()
    ours = [sys.executable, '-m', 'mmseg_weak']
    assert first.command == (
        *(*ours, 'train', 'train.py', '--work-dir', 'work/first', '--seed', '5'),
        '--resume',
    )
    assert list(map(str, first.inputs.values())) == ['train.py', 'clicks']
    assert str(first.checkpoint) == str(first.outputs[0]) == 'work/first/iter_30.pth'
    peer = ('train.py', 'work/first/iter_30.pth')
    assert labels.command == (
        *(*ours, 'label', *peer, *peer, '--out', 'work/labels', '--threshold', '0.7'),
        *('--views', '0.5', '1.0', '2.0', '--keep', '--workers', '1', '--device', 'cpu'),
    )
    assert second.command[-4:] == (
        '--cfg-options',
        'model.weight=2',
        'train_dataloader.dataset.pseudo_label_dir=work/labels',
        'load_from=work/first/iter_30.pth',
    )
    assert second.needs == ('first', 'labels')
    assert second.env == dict(COLOUR='blue 5', FLAT='work')
    assert test.command == (
        *(*ours, 'test', 'other.py', 'work/second/iter_30.pth', '--work-dir', 'work/test'),
        *('--tta', '--metrics-out', 'work/test/metrics.json'),
    )


def test_values_change_late_and_only_what_counts_changes_the_recipe(load):
    plain, other = load(), load(options=dict(threshold=0.9, workers=4))
    assert '0.9' in other[1].command and '4' in other[1].command
    assert [a == b for a, b in zip(plain[1].recipe, other[1].recipe, strict=True)].count(
        False
    ) == 1
    assert plain[0].recipe == other[0].recipe


def test_the_last_checkpoint_is_that_of_the_config(load, tmp_path):
    changed = load(options=dict(train_options=['--cfg-options', 'train_cfg.max_iters=7']))
    assert changed[0].checkpoint.name == 'iter_7.pth'
    own = load(
        old="options={'model.weight': 2}", new="options={'train_cfg.max_iters': '{seed}'}"
    )
    assert own[2].checkpoint.name == 'iter_5.pth'
    own = load(old="options={'model.weight': 2}", new="checkpoint='epoch_2.pth'")
    assert own[2].checkpoint.name == 'epoch_2.pth'
    (tmp_path / 'train.py').write_text(
        "train_cfg = dict(max_epochs=3 if '{{$COLOUR:red}}' == 'blue 5' else 4)"
    )
    assert load()[0].checkpoint.name == 'epoch_3.pth', (
        'read with the variables of the stage'
    )


def test_several_processes_start_torchrun(load):
    command = load(options=dict(processes=4))[0].command
    assert command[1:9] == (
        *('-m', 'torch.distributed.run', '--nproc_per_node=4', '-m', 'mmseg_weak'),
        *('train', 'train.py', '--launcher'),
    )


@pytest.mark.parametrize(
    ('old', 'new', 'message'),
    [
        ("type='Train'", "type='Trian'", "'first' has the type 'Trian'; there are Train,"),
        ('tta=True', 'ttta=True', "stage 'test' has an unknown entry 'ttta'"),
        ("config='{learn}', inputs", 'inputs', "stage 'first' has no config"),
        ("network='second'", "network='labels'", "'test' names 'labels', which is no"),
        ("load_from='first'", "load_from='frist'", "'second' names 'frist', which is no"),
        ("labels='labels'", "labels='lables'", "stage 'second' uses {lables}, which is"),
        ("options='{steps}'", "options=['a']", "options of stage 'labels' must be a dict"),
        ("['clicks']", "['{labels.checkpoint}']", 'checkpoint of a stage that is no'),
        ("learn = 'train.py'", "learn = 'other.py'", 'other.py has no train_cfg.max_iters'),
        ('threshold = 0.7', "processes = ['4']", 'processes must be a whole number'),
    ],
)
def test_mistakes_are_named(old, new, message, load):
    with pytest.raises(ValueError) as error:
        load(old=old, new=new)
    assert message in str(error.value) and str(error.value).startswith('list.py: ')


def test_a_missing_or_broken_training_config(load, tmp_path):
    (tmp_path / 'train.py').write_text('nonsense(')
    with pytest.raises(ValueError, match=r'config train\.py cannot be read \(SyntaxError'):
        load()
    (tmp_path / 'train.py').unlink()
    with pytest.raises(FileNotFoundError, match=r'config train\.py does not exist'):
        load()


def test_the_config_may_name_the_work_dir(load, tmp_path):
    (tmp_path / 'list.py').write_text(LIST + "work_dir = 'out/{learn}/{seed}'")
    assert str(load_stages('list.py', seed=2)[0].folder) == 'out/train.py/2/first'
    (tmp_path / 'list.py').write_text(LIST + "work_dir = '{nothing}'")
    with pytest.raises(ValueError, match=r'list\.py: work_dir uses \{nothing\}'):
        load_stages('list.py')


@pytest.fixture
def weights(tmp_path):
    """A checkpoint of someone else's training."""
    state = dict(weight=torch.ones(3), steps=torch.tensor(3))
    torch.save(dict(state_dict=state), tmp_path / 'given.pth')
    return state


def test_an_existing_checkpoint_takes_the_place_of_a_training(load, weights, tmp_path):
    use = dict(first='given.pth')
    stages = load(use=use)
    assert run_stages(stages, ['first']) == ['first']
    copy = tmp_path / 'work/first/iter_30.pth'
    assert copy.read_bytes() == (tmp_path / 'given.pth').read_bytes()
    assert run_stages(load(use=use), ['first']) == []
    assert load(LIST + 'use = ' + repr(use))[0] == stages[0]
    # Without it the stage is a training again.
    assert dict(list_stages(load()))['first'].startswith('changed: command')
    torch.save(dict(state_dict=dict(weights, weight=torch.zeros(3))), 'given.pth')
    assert run_stages(load(use=use), ['first']) == ['first']


def test_what_only_led_to_a_given_checkpoint_is_left_out(load, weights):
    stages = load(use=dict(second='given.pth'))
    assert [stage.name for stage in select_stages(stages)] == ['second', 'test']
    named = select_stages(stages, ['labels', 'test'])
    assert {stage.name for stage in named} == {'first', 'labels', 'second', 'test'}


def test_checkpoints_that_cannot_be_used(load, weights, tmp_path):
    with pytest.raises(
        ValueError, match=r"no stage 'frist' to use x\.pth for; the list has"
    ):
        load(use=dict(frist='x.pth'))
    with pytest.raises(ValueError, match=r"'labels' is no training, x\.pth cannot be"):
        load(use=dict(labels='x.pth'))
    with pytest.raises(FileNotFoundError, match=r"'first': input x\.pth does not exist"):
        run_stages(load(use=dict(first='x.pth')), ['first'])
    (tmp_path / 'text.pth').write_text('no weights')
    with pytest.raises(ValueError, match=r"'first' is not finished: .*iter_30\.pth is no"):
        run_stages(load(use=dict(first='text.pth')), ['first'])


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_weights_that_are_no_numbers_are_no_result(value, load, weights):
    weights['weight'][1] = value
    torch.save(weights, 'given.pth')
    stages = load(use=dict(first='given.pth'))
    for _ in range(2):
        message = r"'first' is not finished: .*iter_30\.pth: weight is not finite"
        with pytest.raises(ValueError, match=message):
            run_stages(stages, ['first'])
    assert dict(list_stages(stages))['first'] == 'broken off'


def test_labels_without_a_network_name_the_images(load):
    without = "name='labels', network=['first', 'first'], options='{steps}'"
    for network in ('', 'network=None, ', "network='', "):
        with pytest.raises(ValueError, match="stage 'labels' has no network: name a"):
            load(old=without, new=f"name='labels', {network}options='{{steps}}'")
    options = "dict(data='{learn}', learn_from='maps')"
    labels = load(old=without, new=f"name='labels', options={options}")[1]
    assert labels.command[3:].index('label') == 0
    assert 'train.py' in map(str, labels.inputs.values())
    assert not labels.needs
