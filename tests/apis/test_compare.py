import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from toy import REPOSITORY, toy_config, toy_model

from mmseg_weak.apis import compare
from mmseg_weak.apis.compare import format_table, plan_runs, run_all


def write_config(toy_root, folder, name='toy'):
    config = toy_config(toy_root, folder / 'unused', toy_model(), max_iters=2)
    config.custom_imports = dict(imports=['mmseg_weak'], allow_failed_imports=False)
    config.test_dataloader = config.val_dataloader
    config.test_evaluator = config.val_evaluator
    config.test_cfg = dict(type='TestLoop')
    config.log_level = 'INFO'
    config.dump(folder / f'{name}.py')
    return str(folder / f'{name}.py')


def test_trains_tests_and_does_not_repeat(toy_root, tmp_path, monkeypatch):
    runs = plan_runs([write_config(toy_root, tmp_path)], [3], str(tmp_path / 'out'))
    results = run_all(runs)
    assert results[0]['config'] == 'toy' and results[0]['seed'] == 3
    assert 0 <= results[0]['metrics']['mIoU'] <= 100
    log = (tmp_path / 'out' / 'toy' / 'seed_3' / 'train.log').read_text()
    assert 'seed: 3' in log.lower() or 'seed=3' in log

    def refuse(*args):
        raise AssertionError('a finished run was started again')

    monkeypatch.setattr(compare, '_call', refuse)
    assert run_all(runs) == results


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
        run_all(runs, tta=True)
    (tmp_path / 'stages_c.py').write_text(STAGES.replace('metrics =', 'other ='))
    with pytest.raises(ValueError, match='does not name the file of its metrics'):
        run_all(plan_runs([str(tmp_path / 'stages_c.py')], [1], str(tmp_path / 'out')))


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


def test_minutes_of_a_broken_off_part_count(tmp_path):
    (tmp_path / 'stages_a.py').write_text(STAGES)
    runs = plan_runs([str(tmp_path / 'stages_a.py')], [2], str(tmp_path / 'out'))
    runs[0].folder.mkdir(parents=True)
    runs[0].time_file.write_text('{"minutes": 7.0}')
    assert 7 <= run_all(runs)[0]['minutes'] < 8


def test_failing_run_names_its_log(toy_root, tmp_path):
    (tmp_path / 'broken.py').write_text("raise ValueError('nonsense in the config')")
    runs = plan_runs([str(tmp_path / 'broken.py')], [0], str(tmp_path / 'out'))
    with pytest.raises(ValueError, match=r'(?s)train\.py failed for broken.*nonsense'):
        run_all(runs)
    assert not runs[0].result_file.exists()


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
