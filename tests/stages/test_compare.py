import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from toy import REPOSITORY, toy_config, toy_model

from mmseg_weak.stages import list_stages
from mmseg_weak.stages.compare import format_table, plan_runs, run_all


def write_config(toy_root, folder, name='toy'):
    config = toy_config(toy_root, folder / 'unused', toy_model(), max_iters=2)
    config.custom_imports = dict(imports=['mmseg_weak'], allow_failed_imports=False)
    config.test_dataloader = config.val_dataloader
    config.test_evaluator = config.val_evaluator
    config.test_cfg = dict(type='TestLoop')
    config.log_level = 'INFO'
    config.dump(folder / f'{name}.py')
    return str(folder / f'{name}.py')


def test_trains_tests_and_does_not_repeat(toy_root, tmp_path, capsys):
    config, out = write_config(toy_root, tmp_path), tmp_path / 'out'
    options = ['train_cfg.max_iters=1', 'train_cfg.val_interval=1']
    runs = plan_runs([config], [3], str(out), options)
    results = run_all(runs)
    assert results[0]['config'] == 'toy' and results[0]['seed'] == 3
    assert 0 <= results[0]['metrics']['mIoU'] <= 100 and results[0]['minutes'] > 0
    network = torch.load(out / 'toy/seed_3/train/iter_1.pth', weights_only=False)
    assert network['meta']['seed'] == 3
    capsys.readouterr()
    assert run_all(runs) == results
    said = capsys.readouterr().out.splitlines()
    assert said == [f'toy/seed_3/{name}: finished before' for name in ('train', 'test')]


def test_a_diverged_training_is_not_finished(toy_root, tmp_path):
    options = ['optim_wrapper.optimizer.lr=1e30', 'default_hooks.checkpoint.interval=2']
    runs = plan_runs(
        [write_config(toy_root, tmp_path)], [0], str(tmp_path / 'out'), options
    )
    message = (
        r'(?s)toy/seed_0/train.*failed \(exit code 1.*iteration [12] of 2: the training'
    )
    with pytest.raises(ValueError, match=message):
        run_all(runs)
    states = dict(list_stages(runs[0].stages))
    assert states['toy/seed_0/train'] == 'broken off'
    assert states['toy/seed_0/test'] == 'not run yet'
    assert not (tmp_path / 'out/toy/seed_0/train/iter_2.pth').exists()


STAGES = r"""
metrics = 'test/metrics.json'
stages = [
    dict(name='test',
         command=['sh', '-c', 'echo \'{{"mIoU": 4{seed}}}\' > {stage}/metrics.json'],
         outputs=['{stage}/metrics.json'])
]
"""


def test_lists_of_stages_run_beside_trainings(tmp_path):
    (tmp_path / 'stages_a.py').write_text(STAGES)
    (tmp_path / 'stages_b.py').write_text(
        "_base_ = 'stages_a.py'\ntta_metrics = 'test/metrics.json'"
    )
    lists = [str(tmp_path / f'stages_{name}.py') for name in 'ab']
    runs = plan_runs(lists, [1], str(tmp_path / 'out'))
    results = run_all(runs)
    assert [run['metrics']['mIoU'] for run in results] == [41, 41]
    assert [run['tta_metrics'] for run in results] == [None, dict(mIoU=41)]
    with pytest.raises(ValueError, match=r'stages_a\.py defines no tta_metrics'):
        plan_runs(lists, [1], str(tmp_path / 'out'), tta=True)
    (tmp_path / 'stages_c.py').write_text(STAGES.replace('metrics =', 'other ='))
    with pytest.raises(ValueError, match='does not name the file of its metrics'):
        plan_runs([str(tmp_path / 'stages_c.py')], [1], str(tmp_path / 'out'))


def test_a_failure_stops_what_needs_it_only(tmp_path):
    (tmp_path / 'stages_a.py').write_text(STAGES.replace('> {stage}', '> {stage}/no'))
    (tmp_path / 'stages_b.py').write_text(STAGES)
    lists = [str(tmp_path / f'stages_{name}.py') for name in 'ab']
    runs = plan_runs(lists, [1, 2], str(tmp_path / 'out'))
    with pytest.raises(ValueError) as error:
        run_all(runs)
    lines = [line for line in str(error.value).splitlines() if line.startswith('stage ')]
    assert [line.split("'")[1] for line in lines] == [
        f'stages_a/seed_{seed}/test' for seed in (1, 2)
    ]
    assert [run.metrics.is_file() for run in runs] == [False, True, False, True]
    (tmp_path / 'stages_a.py').write_text(STAGES)
    assert [r['seed'] for r in run_all(plan_runs(lists, [1, 2], str(tmp_path / 'out')))]


def test_options_of_a_list_are_its_values(tmp_path):
    (tmp_path / 'stages_a.py').write_text(
        STAGES.replace('4{seed}', '{score}') + 'score = 1'
    )
    run = plan_runs([str(tmp_path / 'stages_a.py')], [1], str(tmp_path / 'o'), ['score=7'])
    assert run_all(run)[0]['metrics'] == dict(mIoU=7)
    with pytest.raises(ValueError, match="has no value 'scoer', did you mean 'score'"):
        plan_runs([str(tmp_path / 'stages_a.py')], [1], str(tmp_path / 'o'), ['scoer=7'])


@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='asks the kernel')
def test_nothing_outlives_the_comparison(tmp_path):
    """The stage notes its process id; killing the tool ends it too."""
    command = "['sh', '-c', 'echo $$ > {stage}/pid; exec sleep 120']"
    (tmp_path / 'stages_a.py').write_text(
        re.sub(r"\['sh'.*?\]", command, STAGES, flags=re.S)
    )
    tool = REPOSITORY / 'tools' / 'compare.py'
    options = ['--seeds', '0', '--work-dir', str(tmp_path / 'out')]
    process = subprocess.Popen(
        [sys.executable, str(tool), str(tmp_path / 'stages_a.py'), *options]
    )
    note = tmp_path / 'out' / 'stages_a' / 'seed_0' / 'test' / 'pid'
    try:
        wait_for(lambda: note.is_file() and note.read_text().strip())
    finally:
        process.terminate()
        process.wait()
    wait_for(lambda: has_ended(note.read_text().strip()))


def has_ended(process):
    try:
        return 'Z (zombie)' in Path('/proc', process, 'status').read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, 'waited in vain'
        time.sleep(0.1)


def test_a_config_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / 'broken.py').write_text("raise ValueError('nonsense in the config')")
    with pytest.raises(ValueError, match=r'broken\.py cannot be read .*nonsense'):
        plan_runs([str(tmp_path / 'broken.py')], [0], str(tmp_path / 'out'))


def test_mistakes_before_the_start(toy_root, tmp_path):
    with pytest.raises(FileNotFoundError, match=r'absent\.py does not exist'):
        plan_runs(['absent.py'], [0], str(tmp_path))
    config = write_config(toy_root, tmp_path)
    with pytest.raises(ValueError, match='same file name'):
        plan_runs([config, config], [0], str(tmp_path))


def test_table_of_means_and_spread():
    def result(config, seed, score, tta):
        return dict(
            config=config,
            seed=seed,
            minutes=2.0,
            metrics=dict(mIoU=score),
            tta_metrics=tta and dict(mIoU=tta),
        )

    results = [
        result('b', 0, 40.0, 41.0),
        result('a', 0, 1.0, None),
        result('b', 1, 42.0, 43.0),
    ]
    lines = format_table(results[:1] + results[2:]).splitlines()
    assert lines[2] == '| b | 41.00 ± 1.41 | 40.00, 42.00 | 42.00 ± 1.41 | 2.0 |'
    lines = format_table([result('a', 0, 1.0, None)]).splitlines()
    assert lines[0] == '| config | mIoU | seeds | minutes |'
    assert lines[2] == '| a | 1.00 | 1.00 | 2.0 |'


def test_a_score_that_there_is_none_of_is_a_dash():
    runs = [
        dict(config='a', seed=i, minutes=1.0, metrics=dict(mIoU=m), tta_metrics=None)
        for i, m in enumerate((40.0, None))
    ]
    assert format_table(runs).splitlines()[2] == '| a | – | 40.00, nan | 1.0 |'
