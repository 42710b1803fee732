"""Options of the label tool that would do nothing are refused."""

import re
import sys
from pathlib import Path

import pytest
from toy import REPOSITORY

from mmseg_weak.apis.label_options import IGNORED, check_options

sys.path.insert(0, str(REPOSITORY / 'tools'))
import make_pseudo_labels as tool

MAPS, SEGMENTERS, TRANSFER = IGNORED


@pytest.fixture
def given(monkeypatch):
    """Names of the options on a command line."""

    def parse(*options):
        monkeypatch.setattr(sys, 'argv', ['tool', 'x.py', 'y.pth', '--out', 'z', *options])
        return tool.parse_args()

    return parse


@pytest.mark.parametrize(
    ('options', 'kind', 'message'),
    [
        ('--fusion agree', MAPS, '--fusion has no effect on labels of activation maps'),
        ('--panels 3', MAPS, '--panels has no effect'),
        ('--walk', SEGMENTERS, '--walk has no effect on labels of segmenters'),
        ('--cams x', SEGMENTERS, '--cams has no effect'),
        ('--refinement crf', TRANSFER, '--refinement has no effect on label transfer'),
        ('--threshold 0.5', TRANSFER, '--threshold has no effect'),
        ('--refinement-options a=1', SEGMENTERS, 'without --refinement par or crf'),
        ('--boundary x', MAPS, '--boundary is that of --walk'),
        (
            '--background-score 0.2 --background-power 2',
            MAPS,
            '--background-score or --background-power',
        ),
        (
            '--affinity-labels 4 32 --threshold 0.1',
            MAPS,
            '--threshold has no effect on --af',
        ),
        ('--affinity-walk a b --background-score 0.2', MAPS, 'starts from --background-po'),
    ],
)
def test_refused(given, options, kind, message):
    args = given(*options.split())
    with pytest.raises(ValueError, match=re.escape(message)):
        check_options(args.given, kind, args.refinement)


@pytest.mark.parametrize(
    ('options', 'kind'),
    [
        ('', MAPS),
        ('--refinement crf --refinement-options a=1 --walk --boundary x --cams c', MAPS),
        ('--affinity-labels 4 32 --refinement crf', MAPS),
        ('--affinity-walk a b --background-power 16 --refinement none', MAPS),
        ('--fusion agree --threshold 0.6 --refinement par', SEGMENTERS),
        ('--label-transfer a b --diffusion beta=30 --panels 3 --workers 2', TRANSFER),
    ],
)
def test_accepted(given, options, kind):
    args = given(*options.split())
    check_options(args.given, kind, args.refinement)


def test_every_option_is_named_as_the_tool_names_it(given):
    known = set(vars(given()))
    assert set().union(*IGNORED.values()) <= known


def test_networks_are_those_of_their_configs(given, monkeypatch):
    given('--cfg-options', 'model.data_preprocessor.mean=1,2,3')
    monkeypatch.setattr(Path, 'is_file', lambda path: True)
    with pytest.raises(ValueError, match='what the networks are is in their config files'):
        tool.main()
