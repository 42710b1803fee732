"""A labeller's options are its flags; a flag that would do nothing cannot be given."""

import argparse
import re

import pytest
from toy import toy_config, toy_model

from mmseg_weak import config_path
from mmseg_weak.cli import label, run_verb
from mmseg_weak.labelling import CAMLabeller, SegmentorLabeller, TransferLabeller
from mmseg_weak.labelling.networks import Network

MAPS, SEGMENTERS, TRANSFER = 'maps', 'segmenters', 'transfer'
KINDS = {MAPS: CAMLabeller, SEGMENTERS: SegmentorLabeller, TRANSFER: TransferLabeller}


@pytest.fixture(scope='module')
def configs(toy_root, tmp_path_factory):
    """Config of a segmentor and of a tag classifier."""
    folder = tmp_path_factory.mktemp('flags')
    cam = dict(toy_model(), type='CAMSegmentor')
    for name, model in {SEGMENTERS: toy_model(), MAPS: cam}.items():
        config = toy_config(toy_root, folder, model)
        config.custom_imports = dict(imports=['mmseg_weak'], allow_failed_imports=False)
        config.dump(folder / f'{name}.py')
    return folder


@pytest.fixture
def parse(configs):
    """Labeller and other options of a command line."""

    def parse(kind, words=''):
        peer = SEGMENTERS if kind == SEGMENTERS else MAPS
        command = [str(configs / f'{peer}.py'), 'y.pth', *words.split(), '--out', 'z']
        if kind == TRANSFER:
            command += ['--label-transfer', 'a.py', 'b.pth']
        parser = argparse.ArgumentParser()
        label.add_arguments(parser)
        args = parser.parse_args(command)
        return label.parse_words(args.parser, args.words)

    return parse


@pytest.mark.parametrize(
    ('options', 'kind', 'message'),
    [
        ('--fusion agree', MAPS, '--fusion has no effect on labels of activation maps'),
        ('--panels=3', MAPS, '--panels has no effect'),
        ('--walk', SEGMENTERS, '--walk has no effect on labels of segmenters'),
        ('--walk', SEGMENTERS, '(SegmentorLabeller); it is an option of CAMLabeller'),
        ('--cams x', SEGMENTERS, '--cams has no effect'),
        ('--fusion mean', TRANSFER, '--fusion has no effect on label transfer'),
        (
            '--threshold 0.5',
            TRANSFER,
            'is an option of CAMLabeller, ClipLabeller, FeatureLabeller, Promptable',
        ),
        (
            '--refinement-options a=1',
            SEGMENTERS,
            'of one refinement such as par or crf, not of 0',
        ),
        ('--boundary x', MAPS, 'boundary is that of walk'),
        (
            '--background-score 0.2 --background-power 2',
            MAPS,
            'background_score or background_power',
        ),
        (
            '--affinity-labels 4 32 --threshold 0.1',
            MAPS,
            'threshold has no effect on affinity_labels',
        ),
        ('--magic 1', MAPS, 'there is no option --magic; --help'),
        ('--background-score 1.5', MAPS, 'background_score must be in [0, 1]'),
        ('--cfg-options model.type=x', MAPS, 'what the networks are is in their config'),
        ('--labeller Magic', MAPS, "there is no labeller 'Magic', only "),
        ('--labeller TransferLabeller', MAPS, 'needs a foreground network'),
        ('x.py', MAPS, 'pairs of config and checkpoint, got 3 names'),
    ],
)
def test_refused(parse, options, kind, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        parse(kind, options)


@pytest.mark.parametrize(
    ('options', 'kind', 'found'),
    [
        ('', MAPS, dict(scales=(1.0, 0.5, 1.5, 2.0), flip=True, background_score=None)),
        ('', SEGMENTERS, dict(scales=(0.75, 1.0, 1.25, 1.5), threshold=0.7)),
        ('', TRANSFER, dict(scales=(0.75, 1.0, 1.25, 1.5), data='a.py')),
        (
            '--walk --boundary gradient --cams c --background-score 0.3 --no-flip',
            MAPS,
            dict(walk=True, cams='c', background_score=0.3, flip=False),
        ),
        ('--affinity-labels 4 32 --refinement crf', MAPS, dict(affinity_labels=[4, 32])),
        ('--scales 1 2 --background-power 16', MAPS, dict(scales=(1, 2))),
        (
            '--fusion agree --threshold 0.6 --refinement par --refinement-options '
            'num_iters=3 --class-restriction none --background-prior 0.35',
            SEGMENTERS,
            dict(
                fusion='agree',
                threshold=0.6,
                refinement_options=dict(num_iters=3),
                class_restriction='none',
                background_prior=0.35,
            ),
        ),
        (
            '--diffusion beta=30 --panels 3 --transfer-method cam',
            TRANSFER,
            dict(method='cam', panels=3),
        ),
        ('--labeller segmentor --fusion single', MAPS, dict(fusion='single')),
        ('--refinement geodesic+crf', SEGMENTERS, dict(refinement='geodesic+crf')),
    ],
)
def test_accepted(parse, options, kind, found):
    labeller, _ = parse(kind, options)
    kind = SEGMENTERS if '--labeller segmentor' in options else kind
    assert type(labeller) is KINDS[kind]
    assert {name: getattr(labeller, name) for name in found} == found


def test_options_of_the_job_may_stand_anywhere(parse):
    _, args = parse(TRANSFER, '--workers 2 --data c.py --overwrite --masks m')
    assert (args.workers, args.data, args.overwrite, args.masks) == (2, 'c.py', True, 'm')


def test_a_file_gives_labeller_and_options(parse, tmp_path):
    file = tmp_path / 'how.py'
    file.write_text("labeller = dict(type='SegmentorLabeller', threshold=0.2, flip=False)")
    labeller, _ = parse(SEGMENTERS, f'--labeller {file} --threshold 0.3')
    assert type(labeller) is SegmentorLabeller
    assert (labeller.threshold, labeller.flip) == (0.3, False), 'a flag has the last word'
    file.write_text('labeller = 3')
    with pytest.raises(ValueError, match=r'how\.py has no labeller = dict'):
        parse(SEGMENTERS, f'--labeller {file}')


def test_help_names_every_option_of_every_labeller(capsys):
    with pytest.raises(SystemExit):
        run_verb('label', ['--help'])
    text = capsys.readouterr().out
    for flag in (
        *('--fusion', '--threshold', '--class-restriction', '--background-prior'),
        *('--refinement', '--refinement-options', '--scales', '--no-flip', '--workers'),
        *('--device', '--masks', '--overwrite', '--cfg-options', '--background-score'),
        *('--background-power', '--walk', '--boundary', '--cams', '--affinity-labels'),
        *('--affinity-walk', '--label-transfer', '--data', '--transfer-method'),
        *('--diffusion', '--cam-threshold', '--panels', '--labeller', '--out'),
    ):
        assert re.search(rf'{flag}\b', text), flag
    text = ' '.join(text.split())
    assert 'Factor > 0 on the background odds. Default 1.0.' in text
    assert 'Default 1.0 0.5 1.5 2.0.' in text and 'Default 0.75 1.0 1.25 1.5.' in text


def test_a_mistake_is_one_line(configs, tmp_path):
    words = [str(configs / 'maps.py'), 'y.pth', '--out', str(tmp_path / 'out')]
    with pytest.raises(SystemExit, match='error: --fusion has no effect'):
        run_verb('label', [*words, '--fusion', 'agree'])
    assert not (tmp_path / 'out').exists()


def test_options_may_stand_before_the_networks(configs):
    parser = argparse.ArgumentParser()
    label.add_arguments(parser)
    words = ['--out', 'z', '--fusion', 'agree', str(configs / f'{SEGMENTERS}.py'), 'y.pth']
    args = parser.parse_args([*words, '--no-flip'])
    labeller, rest = label.parse_words(args.parser, args.words)
    assert (labeller.fusion, labeller.flip, rest.out) == ('agree', False, 'z')
    assert labeller.peers == [tuple(words[-2:])]


def test_configs_of_networks_are_found_without_a_checkout(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = 'configs/seminar/pce_fcn_r18-narrow_1xb8-400_synthetic-96x96.py'
    network = Network.of(dict(config=name, checkpoint='y.pth'))
    assert network == (config_path(name), 'y.pth')
    assert Network.of(('absent.py', 'y.pth')).config == 'absent.py'
