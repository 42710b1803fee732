"""Every shipped list of stages names configs, checkpoints and options that exist."""

import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from mmengine.config import Config
from toy import REPOSITORY

from mmseg_weak.stages import load_stages
from mmseg_weak.stages.compare import stage_results

LISTS = sorted((REPOSITORY / 'configs').glob('*/stages_*.py'))
WORK = Path('/work')
SEMINAR = [path for path in LISTS if path.parent.name == 'seminar']


@cache
def load(path):
    return load_stages(str(path), str(WORK), seed=3)


def arguments(stage, option):
    """What follows an option, up to the next one."""
    start = stage.command.index(option) + 1
    rest = stage.command[start:]
    ends = [i for i, word in enumerate(rest) if word.startswith('--')]
    return rest[: ends[0] if ends else None]


def read(command):
    """The first config of a command, changed as the command says."""
    path = next(word for word in command if word.startswith('configs/'))
    return Config.fromfile(REPOSITORY / path)


@pytest.mark.parametrize('path', LISTS, ids=lambda path: path.stem)
def test_list_loads_and_its_files_exist(path):
    stages = load(path)
    assert stages
    for stage in stages:
        for word in stage.command:
            if word.startswith('configs/') or word.startswith(str(REPOSITORY)):
                assert (REPOSITORY / word).is_file(), word
            assert '{' not in word
        assert not any(file.is_relative_to(stage.folder) for file in stage.inputs.values())


@pytest.mark.parametrize('path', LISTS, ids=lambda path: path.stem)
def test_metrics_are_those_of_a_stage(path):
    """Else `compare` ends in an error after all trainings."""
    if 'metrics' not in Config.fromfile(path):
        pytest.skip('compare refuses the list')
    names = {stage.name for stage in load(path)}
    assert {Path(name).parts[0] for name in stage_results(str(path)) if name} <= names


@pytest.mark.parametrize('path', SEMINAR, ids=lambda path: path.stem)
def test_trainings_end_at_the_checkpoint_that_is_used(path):
    stages = load(path)
    trainings = [s for s in stages if '--resume' in s.command]
    assert trainings
    for stage in trainings:
        config, changes = read(stage.command), {}
        if '--cfg-options' in stage.command:
            changes = dict(word.split('=') for word in arguments(stage, '--cfg-options'))
        lengths = [key for key in changes if key.startswith(('train_cfg', 'param_sched'))]
        config.merge_from_dict({key: changes.pop(key) for key in lengths})
        assert stage.outputs[0].name == f'iter_{config.train_cfg.max_iters}.pth'
        assert arguments(stage, '--seed') == ('3',)
        if changes:
            start = changes.pop('load_from', None)
            assert start is None or Path(start) in stage.inputs.values()
            if not changes:
                continue
            before = config.to_dict()
            config.merge_from_dict(changes)
            assert config.to_dict() != before
            plain, inputs = read(stage.command), stage.inputs.values()
            # Nothing but known keys was set, and to what the stage reads.
            if 'pseudo_label' not in config.model:  # labels in the place of masks
                assert list(changes) == ['train_dataloader.dataset.pseudo_label_dir']
                continue
            head = config.model.pseudo_label
            assert head.keys() == plain.model.pseudo_label.keys()
            if head.get('peers'):
                assert Path(head.peers[0].checkpoint) in inputs
                continue
            loader = config.train_dataloader.dataset.pipeline[1]
            assert loader.keys() == plain.train_dataloader.dataset.pipeline[1].keys()
            assert Path(loader.pseudo_label_dir, 'manifest.json') in inputs


@pytest.mark.parametrize('path', LISTS, ids=lambda path: path.stem)
def test_metrics_are_an_output(path):
    results = stage_results(path)
    made = [out for s in load(path) for out in s.outputs]
    for name in results or ():
        assert name is None or WORK / name in made


def test_labels_and_primary_of_the_controls_differ_as_they_say():
    def commands(name, **options):
        path = REPOSITORY / f'configs/seminar/stages_{name}_4xb4-80k_voc12-512x512.py'
        stages = load_stages(str(path), str(WORK), seed=3, options=options)
        return {stage.name: ' '.join(stage.command) for stage in stages}

    seminar = commands('seminar')
    own = 'configs/seminar/teacher_deeplabv3plus_r101-d16_4xb4-80k_voc12-512x512.py'
    same = commands('seminar', ancillary_config=own)
    plain = commands('seminar', refinement='none')
    assert 'pspnet_r50' in seminar['ancillary']
    assert 'deeplabv3plus_r101' in same['ancillary'] and 'pspnet' not in str(same)
    assert '--refinement crf' in seminar['labels']
    assert plain['labels'] == seminar['labels'].replace('crf', 'none')
    two = commands('seminar-two-rounds')
    assert {k: two[k] for k in seminar} == seminar
    assert 'hpl_pspnet_r50' in two['ancillary_2'] and 'labels_2' in two['ancillary_2']
    assert 'hpl_deeplabv3plus_r101' in two['primary_2'] and 'labels_3' in two['primary_2']
    online = commands('seminar-online')
    assert online['ancillary'] == seminar['ancillary'] and 'labels' not in online


def test_controls_of_voc_animals_change_what_they_say():
    folder = REPOSITORY / 'configs/seminar'
    name = 'stages_seminar-{}_1xb8-600_voc-animals-160x160.py'
    road, controls = (
        {s.name: s.command for s in load(folder / name.format(n))}
        for n in ('from-clicks', 'controls')
    )
    # In the work dir of the road nothing of it runs again.
    assert {name: controls[name] for name in road} == road

    def changed(stage, base):
        """Words of a command that another does not have, folders aside."""
        words = [word for word in controls[stage] if word not in controls[base]]
        return [word for word in words if not word.startswith(str(WORK))]

    refined = changed('labels', 'labels_unrefined')
    assert refined[0] == 'crf' and refined[1] == '--refinement-options'
    assert changed('labels_unrefined', 'labels') == ['none']
    assert changed('labels_par', 'labels') == ['0.5', 'par']
    same = ['configs/seminar/pce_deeplabv3plus_mobilenetv2_1xb8-600_voc-animals-160x160.py']
    assert changed('labels_same', 'labels') == same
    assert changed('labels_mean', 'labels') == [*same, '0.5']
    prior = controls['labels_same'].index('--background-prior') + 1
    assert controls['labels_same'][prior] == '1.0' != controls['labels'][prior]
    assert changed('labels_agree', 'labels_mean') == ['agree']
    assert 'load_from' in str(controls['primary'])
    assert 'load_from' not in str(controls['primary_imagenet'])
    online = ' '.join(controls['primary_online'])
    assert 'background_prior=0.3' in online and 'threshold=0.5' in online


def test_lists_find_their_configs_from_any_folder(tmp_path, monkeypatch):
    """As a wheel needs it, whose user has no folder ``configs``."""
    monkeypatch.chdir(tmp_path)
    for path in LISTS[::6]:
        for stage in load_stages(str(path), 'work'):
            configs = [word for word in stage.command if word.endswith('.py')]
            files = [Path(config.rpartition('=')[2]) for config in configs]
            assert files and all(file.is_file() for file in files)


def test_a_list_called_from_another_folder_says_where_it_works(tmp_path, monkeypatch):
    project = tmp_path / 'my pets/project'
    project.mkdir(parents=True)
    (project / 'config.py').write_text('train_cfg = dict(max_iters=3)\n')
    entry = dict(type='Train', name='a', config='project/config.py')
    (project / 'stages.py').write_text(f'stages = [{entry}]\n')
    monkeypatch.chdir(project)
    with pytest.raises(FileNotFoundError) as error:
        load_stages('stages.py')
    assert str(error.value).count('project/config.py does not exist') == 1
    _, _, folder = str(error.value).rpartition('cd ')
    monkeypatch.chdir(*shlex.split(folder))
    (training,) = load_stages('project')  # a folder stands for its list
    assert training.checkpoint.name == 'iter_3.pth'
    (project / 'config.py').unlink()
    with pytest.raises(FileNotFoundError, match='in lists by `init` to where it ran'):
        load_stages('project')
    (project / 'stages.py').unlink()
    with pytest.raises(FileNotFoundError, match='is a folder without stages.py'):
        load_stages('project')


def test_tool_lists_the_stages(tmp_path):
    tool = REPOSITORY / 'tools/run_stages.py'
    path = Path('configs/seminar/stages_seminar_1xb8-400_synthetic-96x96.py')
    command = [sys.executable, '-W', 'ignore', str(tool), str(path), 'labels', '--list']
    command += ['--work-dir', str(tmp_path / 'work')]
    done = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY)
    assert done.returncode == 0, done.stderr
    rows = [line.split(maxsplit=1) for line in done.stdout.splitlines()[-2:]]
    assert rows == [['ancillary', 'not run yet'], ['labels', 'not run yet']]
    assert not (tmp_path / 'work').exists()
