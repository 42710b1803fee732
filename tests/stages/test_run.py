"""Stages run once, in order, again only after a change, and tell clearly what is wrong."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest
from toy import REPOSITORY

from mmseg_weak.stages import list_stages, load_stages, process, run, run_stages
from mmseg_weak.stages.state import content_hash

# Each leaves a line per start in its folder, and so tells whether it was emptied.
TWO = """
word = 'hello'
stages = [
    dict(
        name='second',
        command=['sh', '-c',
                 'echo x >> {{stage}}/starts; cat {{first}}/out > {{stage}}/out'],
        inputs=['{{first}}/out'],
        outputs=['{{stage}}/out'],
    ),
    dict(
        name='first',
        command=['sh', '-c',
                 'echo x >> {{stage}}/starts; echo {{word}} $(cat {data}) > {{stage}}/out'],
        inputs=['{data}'],
        outputs=['{{stage}}/out'],
    ),
]
"""


def load(folder, text, **options):
    (folder / 'list.py').write_text(text)
    return load_stages(str(folder / 'list.py'), str(folder / 'work'), **options)


@pytest.fixture
def two(tmp_path):
    (tmp_path / 'data').write_text('1')
    return lambda **options: load(tmp_path, TWO.format(data=tmp_path / 'data'), **options)


def test_runs_in_order_and_once(two, tmp_path):
    assert [stage.name for stage in two()] == ['first', 'second']
    assert run_stages(two()) == ['first', 'second']
    assert (tmp_path / 'work/second/out').read_text() == 'hello 1\n'
    assert run_stages(two()) == []
    assert list_stages(two()) == [('first', 'finished'), ('second', 'finished')]


def test_changed_content_runs_again_with_what_depends_on_it(two, tmp_path):
    run_stages(two())
    (tmp_path / 'data').write_text('2')
    states = dict(list_stages(two()))
    assert states['first'] == f'changed: {tmp_path / "data"}'
    assert states['second'] == 'finished, may run again after first'
    assert run_stages(two()) == ['first', 'second']
    assert (tmp_path / 'work/second/out').read_text() == 'hello 2\n'
    # What an earlier input led to is not gone on with.
    assert (tmp_path / 'work/first/starts').read_text() == 'x\n'


def test_same_content_written_again_is_no_change(two, tmp_path):
    run_stages(two())
    (tmp_path / 'data').unlink()
    (tmp_path / 'data').write_text('1')
    assert run_stages(two()) == []


def test_changed_command_and_missing_output_run_again(two, tmp_path):
    run_stages(two())
    assert run_stages(two(options=dict(word='bye'))) == ['first', 'second']
    assert (tmp_path / 'work/second/out').read_text() == 'bye 1\n'
    (tmp_path / 'work/second/out').unlink()
    assert run_stages(two(options=dict(word='bye'))) == ['second']


def test_same_result_of_an_earlier_stage_stops_the_chain(two, tmp_path):
    run_stages(two())
    (tmp_path / 'work/first/out').unlink()
    assert run_stages(two()) == ['first']


def test_named_stages_bring_what_they_need(two, tmp_path):
    assert run_stages(two(), ['first']) == ['first']
    assert run_stages(two(), ['second']) == ['second']
    with pytest.raises(ValueError, match="no stage 'third'; the config has first, second"):
        run_stages(two(), ['third'])


def test_moved_work_dir_stays_finished(two, tmp_path):
    run_stages(two())
    (tmp_path / 'work').rename(tmp_path / 'moved')
    stages = load_stages(str(tmp_path / 'list.py'), str(tmp_path / 'moved'))
    assert run_stages(stages) == []


def test_neutral_values_and_lists(tmp_path):
    text = """
workers = 1
words = ['-c', 'echo {workers} $0 $1 > {stage}/out']
more = ['a', 'b {seed}']
neutral = ['workers']
stages = [dict(name='s', command=['sh', '{words}', '{more}'], outputs=['{stage}/out'])]
"""
    assert run_stages(load(tmp_path, text, seed=5)) == ['s']
    assert (tmp_path / 'work/s/out').read_text() == '1 a b 5\n'
    assert run_stages(load(tmp_path, text, seed=5, options=dict(workers=2))) == []
    assert run_stages(load(tmp_path, text, seed=6)) == ['s']


FRAGILE = """
stages = [
    dict(name='a', command=['sh', '-c', 'echo done > {stage}/out'],
         outputs=['{stage}/out']),
    dict(name='b', inputs=['{a}/out', '%(data)s'], outputs=['{stage}/out'],
         command=['sh', '-c', 'echo x >> {stage}/starts; echo some noise; '
                  'test -f %(flag)s || { echo the reason; exit 7; }; touch {stage}/out'
                  .replace('{ ', '{{ ').replace('; }', '; }}')]),
    dict(name='c', command=['sh', '-c', 'touch {stage}/out'], inputs=['{b}/out']),
]
"""


def test_failed_stage_is_named_and_goes_on_where_it_stopped(tmp_path):
    data, flag = tmp_path / 'data', tmp_path / 'flag'
    data.write_text('1')
    stages = load(tmp_path, FRAGILE % dict(data=data, flag=flag))
    message = r"(?s)stage 'b' failed \(exit code 7.*logs/b\.log:\nsome noise\nthe reason$"
    with pytest.raises(ValueError, match=message):
        run_stages(stages)
    states = dict(list_stages(stages))
    assert states == dict(a='finished', b='broken off', c='not run yet')
    flag.touch()
    assert run_stages(stages) == ['b', 'c']
    assert (tmp_path / 'work/b/starts').read_text() == 'x\nx\n', 'the folder was kept'


def test_broken_off_stage_with_changed_input_starts_anew(tmp_path):
    data, flag = tmp_path / 'data', tmp_path / 'flag'
    data.write_text('1')
    stages = load(tmp_path, FRAGILE % dict(data=data, flag=flag))
    with pytest.raises(ValueError, match='failed'):
        run_stages(stages)
    data.write_text('2')
    flag.touch()
    run_stages(stages)
    assert (tmp_path / 'work/b/starts').read_text() == 'x\n'


def test_a_mistake_costs_no_finished_results(tmp_path):
    write = """
how = 'good'
stages = [dict(
    name='a', outputs=['{stage}/out'],
    command=[
        'sh', '-c', 'cd {stage}; echo x >> starts; echo {how} > out; test {how} != bad'
    ],
)]
"""
    path = tmp_path / 'stages.py'
    path.write_text(write)
    good, bad, worse, third = (
        load_stages(str(path), str(tmp_path / 'work'), options=dict(how=how))
        for how in ('good', 'bad', '"', 'third')
    )
    assert run_stages(good) == ['a']
    for mistake in (bad, worse):
        with pytest.raises(ValueError, match='failed|without its output'):
            run_stages(mistake)
    assert run_stages(good) == [], 'the finished results came back'
    starts = tmp_path / 'work/a/starts'
    assert starts.read_text() == 'x\n'
    assert run_stages(third) == ['a']
    assert (tmp_path / 'work/a/out').read_text() == 'third\n'
    assert starts.read_text() == 'x\n'
    assert (tmp_path / 'work/a.replaced/out').read_text() == 'good\n'
    assert not (tmp_path / 'work/a.deleted').exists()
    # Killed before the new folder was there: the old results still come back.
    shutil.rmtree(tmp_path / 'work/a')
    assert run_stages(good) == []
    assert (tmp_path / 'work/a/out').read_text() == 'good\n'


def test_an_interrupted_run_is_not_taken_for_the_finished_one(two, tmp_path):
    run_stages(two())
    marker = tmp_path / 'work/first/stage.json'
    content = json.loads(marker.read_text())
    marker.write_text(json.dumps(dict(content, finished=False)))
    assert dict(list_stages(two()))['first'] == 'broken off'
    assert 'first' in run_stages(two())
    content['fingerprint']['command'] = ['other']
    marker.write_text(json.dumps(content))
    assert dict(list_stages(two()))['first'] == 'changed: command'
    assert 'first' in run_stages(two())


def test_a_stage_that_runs_now_is_told_from_one_broken_off(tmp_path, monkeypatch):
    flag, seen = tmp_path / 'flag', []
    waits = f'until test -f {flag}; do sleep 0.01; done; exit 1'
    stages = load(tmp_path, stage(command=['sh', '-c', waits]))
    wait_for = run.wait_for

    def look(*args):
        seen.append(dict(list_stages(stages)))
        flag.touch()
        wait_for(*args)

    monkeypatch.setattr(run, 'wait_for', look)
    with pytest.raises(ValueError, match="stage 'a' failed"):
        run_stages(stages)
    assert seen == [dict(a='running')]
    assert list_stages(stages) == [('a', 'broken off')]


def test_config_counts_with_its_bases(tmp_path):
    (tmp_path / 'base.py').write_text('a = 1\n')
    (tmp_path / 'other.py').write_text('b = 1\n')
    (tmp_path / 'child.py').write_text("_base_ = ['base.py', './other.py']\nc = 1\n")
    before = content_hash(tmp_path / 'child.py')
    assert content_hash(tmp_path / 'child.py') == before
    (tmp_path / 'other.py').write_text('b = 2\n')
    assert content_hash(tmp_path / 'child.py') != before
    (tmp_path / 'broken.py').write_text('not python at all (')
    assert content_hash(tmp_path / 'broken.py')
    (tmp_path / 'folder').mkdir()
    empty = content_hash(tmp_path / 'folder')
    (tmp_path / 'folder/x').write_text('1')
    assert content_hash(tmp_path / 'folder') != empty


def test_two_jobs_run_side_by_side(tmp_path):
    stages = load(
        tmp_path,
        """
stages = [
    dict(name=name, outputs=['{stage}/up'], command=['sh', '-c',
         'touch {stage}/up; '
         'while ! test -f {work_dir}/' + other + '/up; do sleep 0.01; done'])
    for name, other in (('a', 'b'), ('b', 'a'))
]
""",
    )
    # One after the other they would wait for ever.
    assert sorted(run_stages(stages, jobs=2)) == ['a', 'b']
    assert run_stages(stages, jobs=2) == []


def stage(**changes):
    entry = dict(dict(name='a', command=['true']), **changes)
    return f'stages = [{entry!r}]\n'


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('x = 1', 'there is no list of stages'),
        ('stages = []', 'there is no list of stages'),
        (stage(name='a b'), 'needs a name of letters'),
        ("stages = ['a']", 'needs a name'),
        (stage(command=[]), "'a' has no command"),
        (stage(command='true'), "command of stage 'a' must be a list"),
        (stage(inputs='x'), "inputs of stage 'a' must be a list"),
        (stage(env=['x']), "env of stage 'a' must be a dict"),
        (stage(input=['x']), "stage 'a' has an unknown entry 'input'"),
        (stage(command=['{nothing}']), "'a' uses {nothing}, which is neither"),
        (stage(command=['{']), "'a': '{' has a mistake in its braces"),
        (stage() + 'stages = stages * 2', "two stages are called 'a'"),
        (
            "stages = [dict(name=n, command=['true'], outputs=['x']) for n in 'ab']",
            "stages 'a' and 'b' both write x",
        ),
        (
            "stages = [dict(name='a', command=['true']),"
            " dict(name='b', command=['cat', '{a}/x'])]",
            "command of stage 'b' uses {a}, but its inputs name nothing of that folder",
        ),
        (
            "stages = [dict(name=a, command=['true'], inputs=['{' + b + '}/x'])"
            " for a, b in ('ab', 'bc', 'ca')]",
            'need each other in a circle: ',
        ),
    ],
)
def test_mistakes_in_the_list_are_named(text, message, tmp_path):
    with pytest.raises(ValueError) as error:
        load(tmp_path, text)
    assert message in str(error.value) and 'list.py' in str(error.value)


def test_mistakes_around_the_list_are_named(two, tmp_path):
    with pytest.raises(FileNotFoundError, match=r'config absent\.py does not exist'):
        load_stages('absent.py')
    with pytest.raises(ValueError, match='jobs must be >= 1'):
        run_stages(two(), jobs=0)
    (tmp_path / 'data').unlink()
    with pytest.raises(FileNotFoundError, match=r"stage 'first': input .*data does not"):
        run_stages(two())
    assert not (tmp_path / 'work').exists()
    (tmp_path / 'work').write_text('a file')
    (tmp_path / 'data').write_text('1')
    with pytest.raises(ValueError, match=r'folder .*work cannot be written'):
        run_stages(two())


def test_foreign_files_are_left_alone(two, tmp_path):
    (tmp_path / 'work/first').mkdir(parents=True)
    (tmp_path / 'work/first/precious').write_text('mine')
    with pytest.raises(ValueError, match=r"first holds files that stage 'first' has not"):
        run_stages(two())
    assert (tmp_path / 'work/first/precious').read_text() == 'mine'


def test_bad_ends_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"'a': no-such-program cannot be started"):
        run_stages(load(tmp_path, stage(command=['no-such-program'])))
    with pytest.raises(ValueError, match=r"stage 'a' ended without its output .*a/x, see"):
        run_stages(load(tmp_path, stage(outputs=['{stage}/x'])))
    with pytest.raises(ValueError, match=r"stage 'a' failed \(exit code -9"):
        run_stages(load(tmp_path, stage(command=['sh', '-c', 'kill -9 $$'])))


DAMAGED = (
    b'',
    b'{"first": ',
    b'\xff\xfe{',
    b'[' * 5000,
    b'[]',
    b'{"fingerprint": 1, "finished": true, "minutes": 0}',
    b'{"fingerprint": {}, "finished": true, "minutes": 0}',
    b'{"fingerprint": {"inputs": {}}, "finished": true, "minutes": "long"}',
    b'{"fingerprint": {"inputs": {}}, "finished": true, "minutes": 1' + b'0' * 400 + b'}',
    # Of a release whose stages kept their state otherwise.
    b'{"command": ["sh"], "env": {}, "inputs": {}}',
)


@pytest.mark.parametrize('content', DAMAGED, ids=range(len(DAMAGED)))
def test_damaged_state_is_read_as_absent(content, two, tmp_path, capsys):
    run_stages(two())
    state = tmp_path / 'work/first/stage.json'
    state.write_bytes(content)
    assert dict(list_stages(two()))['first'] == 'broken off'
    assert run_stages(two()) == ['first']
    warning = f'{state} is damaged and read as absent'
    assert warning in capsys.readouterr().out
    assert (tmp_path / 'work/first/starts').read_text() == 'x\n', 'it started anew'
    # What it may have been is kept.
    assert (tmp_path / 'work/first.replaced/out').read_text() == 'hello 1\n'
    assert run_stages(two()) == []


def test_remains_of_a_killed_writing_are_no_foreign_files(two, tmp_path):
    (tmp_path / 'work/first/.stage.json-abc').mkdir(parents=True)
    assert run_stages(two()) == ['first', 'second']
    assert not (tmp_path / 'work/first/.stage.json-abc').exists()


SLEEP = stage(command=['sh', '-c', 'touch {stage}/up; exec sleep 1000'])


def start(folder):
    """The tool as a process that is in the middle of a stage."""
    (folder / 'list.py').write_text(SLEEP)
    tool = str(REPOSITORY / 'tools/run_stages.py')
    command = [sys.executable, '-W', 'ignore', tool, str(folder / 'list.py')]
    process = subprocess.Popen(
        [*command, '--work-dir', str(folder / 'work')],
        # A job of a background shell inherits that interrupts are ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    while not (folder / 'work/a/up').exists():
        assert process.poll() is None
        time.sleep(0.01)
    return process


def test_one_run_at_a_time_and_no_command_outlives_it(tmp_path):
    tool = start(tmp_path)
    try:
        with pytest.raises(ValueError, match=r'work is in use by another run of stages'):
            run_stages(load(tmp_path, SLEEP))
    finally:
        tool.kill()
        tool.wait()
    # The command holds the lock: once it is free, the command is gone.
    deadline = time.monotonic() + 60
    quick = stage()
    while True:
        try:
            assert run_stages(load(tmp_path, quick)) == ['a']
            break
        except ValueError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_interrupt_ends_in_one_line_and_leaves_no_command(tmp_path):
    tool = start(tmp_path)
    tool.send_signal(signal.SIGINT)
    assert tool.wait(300) == 1
    assert run_stages(load(tmp_path, stage())) == ['a'], 'the lock is free'


def test_minutes_of_all_parts_add_up(two, tmp_path):
    run_stages(two())
    path = tmp_path / 'work/first/stage.json'
    content = json.loads(path.read_text())
    assert 0 < content['minutes'] < 5
    path.write_text(json.dumps(dict(content, minutes=5.0, finished=False)))
    run_stages(two())
    assert 5 < json.loads(path.read_text())['minutes'] < 10


def test_progress_and_minutes_show_while_a_command_runs(tmp_path, monkeypatch, capfd):
    """Also where the output is no terminal; the command waits until both were seen."""
    monkeypatch.setattr(process, 'INTERVAL', 0.01)
    monkeypatch.setattr(process, 'QUIET_INTERVAL', 0.05)
    monkeypatch.setattr(run, 'TIME_INTERVAL', 0.02)
    show, shown = process._show, []
    monkeypatch.setattr(process, '_show', lambda *args: (show(*args), shown.append(args)))
    flag = tmp_path / 'flag'
    wait = f'echo loss 0.5; while ! test -f {flag}; do sleep 0.01; done'
    stages = load(tmp_path, stage(command=['sh', '-c', wait]))
    thread = threading.Thread(target=run_stages, args=(stages,))
    thread.start()
    state = tmp_path / 'work/a/stage.json'
    wait_until(lambda: len(shown) > 2)
    wait_until(lambda: state.exists() and json.loads(state.read_text())['minutes'] > 0)
    flag.touch()
    thread.join()
    assert 'a 0:00 loss 0.5\n' in capfd.readouterr().out


def wait_until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, 'waited in vain'
        time.sleep(0.01)


def test_commands_find_this_python_and_their_threads(tmp_path, monkeypatch):
    monkeypatch.delenv('OMP_NUM_THREADS', raising=False)
    show = 'echo $OMP_NUM_THREADS $COLOUR $(command -v python) > {stage}/out'
    text = stage(command=['sh', '-c', show], env=dict(COLOUR='blue {seed}'))
    run_stages(load(tmp_path, text), threads=3)
    threads, *colour, python = (tmp_path / 'work/a/out').read_text().split()
    assert threads == '3' and colour == ['blue', '0']
    assert os.path.dirname(python) == os.path.dirname(sys.executable)


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(wrod='bye'), "has no value 'wrod', did you mean 'word'"),
        ({'words.0': 'bye'}, "has no value 'words'"),
        (dict(stages='first'), r'stages is a list; write stages=\[first\]'),
    ],
)
def test_overrides_that_would_change_nothing_are_refused(two, options, message):
    with pytest.raises(ValueError, match=message):
        two(options=options)
