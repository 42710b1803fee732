"""A short run of what `fuzz.py` does at length, and that it would see each kind of end."""

import os
import signal
import sys
from pathlib import Path

import harness
import pytest
from fuzz import TARGETS, table
from harness import Fuzzer, Target, fuzz

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith('linux'), reason='limits of the kernel'
)
INPUTS = 30


def test_broken_files_end_in_one_clear_line(tmp_path):
    fuzzer = Fuzzer(TARGETS, 7, tmp_path / 'fuzz')
    counts, failures = fuzz(fuzzer, INPUTS * len(TARGETS))
    assert not failures, table(counts, failures, 0)
    assert all(count.total() == INPUTS for count in counts.values())
    refused = sum(count['clear error'] for count in counts.values())
    # Many a broken byte matters, many does not.
    assert 0.4 < refused / (INPUTS * len(TARGETS)) < 0.9


def endless(path):
    while True:
        path.exists()


def crash(path):
    os.kill(os.getpid(), signal.SIGSEGV)


def unclear(path):
    raise ValueError(f'{path}: first line\nsecond line')


def nameless(path):
    raise ValueError('this does not name the file')


ENDS = {
    'accepted': lambda path: path.read_bytes(),
    'clear error': lambda path: (_ for _ in ()).throw(ValueError(f'{path}: broken')),
    'other': unclear,
    'unusable': lambda path: None,
    'memory': lambda path: bytearray(3 * 2**30),
    'hang': endless,
    'crash': crash,
}


def test_each_kind_of_end_is_told_apart(tmp_path, monkeypatch):
    monkeypatch.setattr(harness, 'SECONDS', 0.2)
    targets = [
        Target(name, (b'whole',), read, usable=lambda found: found is not None)
        for name, read in ENDS.items()
    ]
    targets.append(Target('without a name', (b'whole',), nameless))
    counts, failures = fuzz(Fuzzer(targets, 0, tmp_path / 'fuzz'), 2 * len(targets))
    ends = {name: dict(count) for name, count in counts.items()}
    assert ends == {name: {name: 2} for name in ENDS} | {'without a name': {'other': 2}}
    assert len(failures) == 2 * (len(targets) - 2)


def test_an_input_is_the_same_in_every_run(tmp_path):
    one, other = (Fuzzer(TARGETS, 3, Path(tmp_path, name)) for name in 'ab')
    numbers = range(len(TARGETS))
    assert [one.content(n) for n in numbers] == [other.content(n) for n in numbers]
    assert one.content(0) != one.content(len(TARGETS))
