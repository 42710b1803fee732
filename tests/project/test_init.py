"""What `mmseg-weak init` finds, and that its configs train."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmseg.registry import DATASETS, METRICS, MODELS
from PIL import Image

from mmseg_weak import cli
from mmseg_weak.datasets.formats import ReadOptions
from mmseg_weak.datasets.formats.conversion import convert
from mmseg_weak.project import init, survey
from mmseg_weak.project.report import held_out
from mmseg_weak.project.starting import choose_crop, choose_long_side
from mmseg_weak.stages import load_stages
from mmseg_weak.stages.state import State, write_state

NAMES = [f'site{i % 2}/p{i}.jpg' for i in range(12)]


def draw(path, size=(60, 40)):
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(len(path.name)).integers(0, 255, (*size[::-1], 3))
    Image.fromarray(noise.astype(np.uint8)).save(path)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A person's folder of twelve photographs, from which commands are called."""
    for name in NAMES:
        draw(tmp_path / 'photos' / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_clicks(path, names, classes=('background', 'cat')):
    lines = ['image,x,y,class']
    for i, name in enumerate(names):
        lines += [f'{name},{5 + 9 * j},{10 + i},{c}' for j, c in enumerate(classes)]
    path.write_text('\n'.join(lines) + '\n')


def build(config):
    """Model and data sets of a config; classes of all of them."""
    MODELS.build(config.model)
    loaders = [config.get(f'{split}_dataloader') for split in ('train', 'val')]
    built = [DATASETS.build(loader.dataset) for loader in loaders if loader]
    for dataset in built:
        assert len(dataset[0]['inputs']) == 3
    return built


def photographs(dataset):
    return {dataset.get_data_info(i)['img_path'] for i in range(len(dataset))}


def test_clicks_become_a_config_that_builds(folder):
    write_clicks(folder / 'clicks.csv', NAMES)
    lines = init('photos', 'clicks.csv')
    assert '  cat         12 clicks in 12 photographs' in lines
    assert not any(line.startswith('! class') for line in lines)
    config = Config.fromfile('project/config.py')
    train, val = build(config)
    assert len(train) == 10 and len(val) == 2
    assert not photographs(train) & photographs(val)
    assert photographs(train) | photographs(val) == {f'photos/{name}' for name in NAMES}
    assert train.metainfo['classes'] == ('background', 'cat')
    assert config.model.decode_head.num_classes == 2
    assert METRICS.build(config.val_evaluator).prefix == 'click'
    sample = val[0]['data_samples']
    assert len(sample.clicks) == 2
    assert len((folder / 'project/config.py').read_text().splitlines()) < 90
    assert config.train_cfg.max_iters == config.param_scheduler[-1].end == 600
    cli.main(['init', 'photos', 'clicks.csv', '--budget', 'trial', '--out', 'short'])
    short = Config.fromfile('short/config.py')
    assert short.train_cfg.max_iters == short.param_scheduler[-1].end == 100


def test_clicks_come_with_a_second_network_that_learns_from_labels(folder):
    """The stages label what the first trains on; the second scores on the same clicks."""
    write_clicks(folder / 'clicks.csv', NAMES)
    assert '  mmseg-weak stages project/stages.py' in init('photos', 'clicks.csv')
    training, labels, student = load_stages('project/stages.py')
    assert [stage.name for stage in (training, labels, student)] == [
        *('training', 'labels', 'student')
    ]
    first, second = (Config.fromfile(f'project/{n}.py') for n in ('config', 'student'))
    for config, stage in ((first, training), (second, student)):
        assert config.work_dir == str(stage.folder)
    words = labels.command
    assert words[words.index('--long-side') + 1] == '60'
    assert words[words.index('--background-prior') + 1] == '0.5'
    assert words[words.index('--labeller') + 1] == 'features'
    folder_of_labels = second.train_dataloader.dataset.pseudo_label_dir
    assert folder_of_labels == str(labels.folder)
    assert second.val_dataloader == first.val_dataloader
    make_labels_for(first, Path(folder_of_labels))
    train, _ = build(second)
    assert photographs(train) == photographs(build(first)[0])
    assert MODELS.build(second.model).decode_head.loss_decode.loss_name == 'loss_ce'


def test_stages_end_with_the_command_that_init_promised(folder, monkeypatch, capsys):
    write_clicks(folder / 'clicks.csv', NAMES)
    promised = init('photos', 'clicks.csv')[-1]

    def as_if_run(stages, *_):
        for stage in stages:
            write_state(stage, State())

    monkeypatch.setattr('mmseg_weak.stages.run_stages', as_if_run)
    cli.main(['stages', 'project/stages.py'])
    last = capsys.readouterr().out.splitlines()[-1]
    words = promised.split(' photos ')[0].strip()
    assert last == f'masks of photographs: {words} PHOTOS --out FOLDER'
    cli.main(['stages', 'project/stages.py', 'labels'])
    assert 'predict' not in capsys.readouterr().out


def make_labels_for(config, folder):
    classes = config.classes
    for image in Path(config.train_dataloader.dataset.ann_file).read_text().split():
        path = folder / f'{image}.png'
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.ones((40, 60), np.uint8)).save(path)
    manifest = dict(classes=list(classes), made_by='a test')
    (folder / 'manifest.json').write_text(json.dumps(manifest))


def test_without_a_background_class_its_prior_stays_as_it_is(folder):
    write_clicks(folder / 'clicks.csv', NAMES, ('cat', 'dog'))
    init('photos', 'clicks.csv')
    words = load_stages('project/stages.py')[1].command
    assert words[words.index('--background-prior') + 1] == '1.0'


def test_mixed_suffixes_and_bare_names_are_matched(folder):
    """Labels are copied under the names of the photographs."""
    (folder / 'photos/site0/p0.jpg').unlink()
    draw(folder / 'photos/site0/p0.PNG')
    names = [name.rsplit('/')[-1].removesuffix('.jpg') for name in NAMES]
    write_clicks(folder / 'clicks.csv', names)
    init('photos', 'clicks.csv')
    train, val = build(Config.fromfile('project/config.py'))
    assert len(train) + len(val) == 12
    assert 'photos/site0/p0.PNG' in photographs(train) | photographs(val)
    assert train.click_report['clicks'] == 20


def test_scribbles_and_denials_are_learnt(folder):
    """Also where labels are copied under the names of the photographs."""
    marks = [
        dict(x=5, y=6, cls='background'),
        dict(points=[[20, 8], [30, 8]], cls='cat'),
        dict(x=50, y=30, cls='cat', no=True),
    ]
    names = [name.split('/')[1] for name in NAMES]
    (folder / 'clicks.json').write_text(json.dumps(dict.fromkeys(names, marks)))
    init('photos', 'clicks.json')
    config = Config.fromfile('project/config.py')
    sample = build(config)[0][0]['data_samples']
    assert (sample.gt_sem_seg.data == 1).sum() > 4
    losses = [loss.type for loss in config.model.decode_head.loss_decode]
    assert losses == ['PartialCrossEntropyLoss', 'ExclusionLoss']
    assert {'gt_exclusions'} <= set(sample.keys())


def test_copied_tags_keep_names_with_any_characters(folder):
    tags = {
        name.split('/')[1]: ['cat; grey'] if i % 2 else ['dog | cow']
        for i, name in enumerate(NAMES)
    }
    (folder / 'tags.json').write_text(json.dumps(tags))
    init('photos', 'tags.json')
    train, _ = build(Config.fromfile('project/config.py'))
    assert train.metainfo['classes'] == ('background', 'cat; grey', 'dog | cow')
    assert train.tag_report['images_without_tags'] == 0


def test_tags_become_a_config_that_builds(folder):
    tags = {
        n: ['cat'] if i % 2 else ['dog', 'cow'][: 1 + i % 3] for i, n in enumerate(NAMES)
    }
    (folder / 'tags.json').write_text(json.dumps(tags))
    init('photos', 'tags.json')
    config = Config.fromfile('project/config.py')
    train, _ = build(config)
    assert train.metainfo['classes'] == ('background', 'cat', 'cow', 'dog')
    assert config.model.type == 'CAMSegmentor'
    assert METRICS.build(config.val_evaluator).prefix == 'tags'
    assert MODELS.build(config.model).test_cfg.scales == (1.0,)


@pytest.mark.parametrize('suffix', ['jpg', 'png'])
def test_photographs_in_folders_of_their_classes_are_tagged(folder, suffix):
    """The same names in two folders are two photographs; PNGs are no masks."""
    for i in range(12):
        draw(folder / f'pets/{"cat" if i % 2 else "dog"}/{i // 2}.{suffix}', (60, 40 + i))
    lines = init('pets', 'pets')
    assert 'pets: tags in 12 photographs, classes:' in lines
    train, val = build(Config.fromfile('project/config.py'))
    assert len(train) + len(val) == 12
    for dataset in (train, val):
        for i in range(len(dataset)):
            info = dataset.get_data_info(i)
            (tag,) = (dataset.metainfo['classes'][t] for t in info['tags'])
            assert tag == Path(info['img_path']).parent.name


def test_folders_of_copies_tag_photographs_of_one_folder(folder):
    for i in range(12):
        for path in (f'flat/{i}.png', f'sorted/{"cat" if i % 2 else "dog"}/{i}.png'):
            draw(folder / path, (60, 40 + i))
    init('flat', 'sorted')
    written = json.loads(Path('project/labels.json').read_text())
    assert written == {f'{i}.png': ['cat' if i % 2 else 'dog'] for i in range(12)}


def test_tags_come_with_a_segmenter_that_learns_from_labels(folder):
    (folder / 'tags.json').write_text(json.dumps({name: ['cat'] for name in NAMES}))
    lines = init('photos', 'tags.json')
    assert '  mmseg-weak stages project/stages.py' in lines
    assert '  mmseg-weak predict project/student.py project/student photos' in lines[-1]
    training, maps, labels, student = load_stages('project/stages.py')
    first, second = (Config.fromfile(f'project/{n}.py') for n in ('config', 'student'))
    for config, stage in ((first, training), (second, student)):
        assert config.work_dir == str(stage.folder)
    for words in (maps.command, labels.command):
        assert words[words.index('--long-side') + 1] == '60'
    words = maps.command
    assert words[words.index('--scales') + 1 :][:2] == ('1.0', '--background-score')
    words = labels.command
    assert words[words.index('--learn-from') + 1] == str(maps.folder)
    assert second.train_dataloader.dataset.pseudo_label_dir == str(labels.folder)
    make_labels_for(first, labels.folder)
    (train,) = build(second)
    assert photographs(train) == photographs(build(first)[0])
    assert second.model.type == 'EncoderDecoder' and 'neck' in second.model


def test_masks_of_some_photographs_become_a_config_that_builds(folder):
    for i, name in enumerate(NAMES[:8]):
        path = (folder / 'masks' / name).with_suffix('.png')
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((40, 60), [0, 1, 255][i % 3], np.uint8)).save(path)
    with pytest.raises(ValueError, match='masks hold the values 0 to 1: name them'):
        init('photos', 'masks')
    lines = init('photos', 'masks', classes=['background', 'cat'])
    assert any('4 of 12 photographs have no masks' in line for line in lines)
    build(Config.fromfile('project/config.py'))


def test_masks_of_some_classes_and_tags_of_the_rest(folder):
    """Tags of photographs with masks alone come from the masks."""
    for i, name in enumerate(NAMES[:8]):
        path = (folder / 'masks' / name).with_suffix('.png')
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((40, 60), i % 3, np.uint8)).save(path)
    tags = {name: ['owl'] for name in NAMES[7:]}
    (folder / 'tags.json').write_text(json.dumps(tags))
    lines = init('photos', ['masks', 'tags.json'], classes=['background', 'cat', 'dog'])
    assert '  mmseg-weak stages project/stages.py' in lines
    assert '  cat  2 photographs, masks' in lines
    assert '  owl  5 photographs, tags' in lines
    written = json.loads(Path('project/tags.json').read_text())
    assert written[NAMES[0]] == [] and written[NAMES[2]] == ['dog']
    assert written[NAMES[7]] == ['owl'], 'tags come before the mask'
    stages = load_stages('project/stages.py')
    assert [stage.name for stage in stages] == ['lnet', 'cam', 'labels', 'segmenter']
    config, lnet, seeds = (
        Config.fromfile(f'project/{name}.py') for name in ('config', 'lnet', 'seeds')
    )
    assert config.classes == ('background', 'cat', 'dog', 'owl')
    for one, stage in ((lnet, stages[0]), (seeds, stages[1]), (config, stages[3])):
        assert one.work_dir == str(stage.folder)
    strong = DATASETS.build(lnet.train_dataloader.dataset)
    assert len(strong) == 7 and MODELS.build(lnet.model).out_channels == 1
    assert len(build(seeds)[0]) == 12 and seeds.model.type == 'CAMSegmentor'
    config.train_dataloader.dataset.update(pseudo_label_dir=None, images='weak')
    assert len(build(config)[0]) == 5


def test_what_masks_and_tags_leave_out_is_told(folder):
    """A training would refuse a tag of a class with masks that has no mask."""
    (folder / 'masks/site0').mkdir(parents=True)
    for i in (0, 2, 4):
        Image.fromarray(np.eye(40, 60, dtype=np.uint8)).save(f'masks/site0/p{i}.png')
    tags = [(f'p{i}.png', 'cat') for i in (0, 2, 6, 8, 1)]
    tags += [('p3.jpg', 'owl'), ('p5.jpg', 'cat'), ('p5.jpg', 'owl'), ('p99.jpg', 'owl')]
    (folder / 'tags.csv').write_text('\n'.join(['image,tag', *map(','.join, tags)]))
    lines = init('photos', ['masks', 'tags.csv'], classes=['background', 'cat'])
    assert '  cat  4 photographs, masks of 3' in lines
    assert '  owl  2 photographs, tags' in lines
    text = '\n'.join(lines)
    assert '! 3 of 12 photographs are tagged with cat alone, have no mask in masks' in text
    assert '! 4 of 12 photographs have no masks or tags' in text
    assert '! 1 names in tags.csv fit no photograph, or several: p99.jpg' in text
    assert '! 5 names match with another suffix, such as p0.png for' in text
    lnet = Config.fromfile('project/lnet.py').train_dataloader.dataset
    names = {f'photos/site0/p{i}.jpg' for i in (0, 2, 4)}
    assert photographs(DATASETS.build(lnet)) == names


@pytest.mark.parametrize('to', ['labelstudio', 'coco', 'cvat', 'labelme'])
def test_exported_masks_are_no_labels_and_the_way_is_told(folder, to):
    (folder / 'masks/site0').mkdir(parents=True)
    Image.fromarray(np.eye(40, 60, dtype=np.uint8)).save('masks/site0/p0.png')
    convert('masks', to, 'back', ReadOptions(images='photos'), ['background', 'cat'])
    text = '^back: holds neither clicks nor tags; left out: .* Masks are read as a folder'
    with pytest.raises(ValueError, match=text):
        init('photos', 'back')


@pytest.mark.parametrize(
    ('labels', 'message'),
    [
        (['tags.json', 'clicks.csv'], 'several labels can only be a folder of masks'),
        (['masks', 'clicks.csv'], 'beside masks there can be tags alone, no clicks'),
        (['masks', 'tags.json'], 'there are cat and none'),
    ],
)
def test_other_pairs_of_labels_are_refused(folder, labels, message):
    write_clicks(folder / 'clicks.csv', NAMES)
    (folder / 'masks/site0').mkdir(parents=True)
    Image.fromarray(np.eye(40, 60, dtype=np.uint8)).save('masks/site0/p0.png')
    (folder / 'tags.json').write_text(json.dumps({name: ['cat'] for name in NAMES}))
    with pytest.raises(ValueError, match=message):
        init('photos', labels, classes=['background', 'cat'])
    assert not (folder / 'project').exists()


def test_what_is_missing_is_said(folder):
    write_clicks(folder / 'clicks.csv', NAMES[:4], ('cat', 'dog'))
    with open('clicks.csv', 'a') as file:
        file.write('p99.jpg,1,1,dog\nsite0/p0.jpg,5,5,cow\n')
    text = '\n'.join(init('photos', 'clicks.csv'))
    assert "! no class is called 'background': every pixel will be given one of" in text
    assert "! class 'cow' has 1 click in 1 photograph: click it at least 10 times" in text
    assert '! 8 of 12 photographs have no clicks' in text
    assert '! 1 names in clicks.csv fit no photograph, or several: p99.jpg' in text


def test_of_many_classes_the_first_and_the_rarest_are_shown(folder):
    lines = ['image,x,y,class']
    for k in range(30):  # class k has 30 - k clicks
        lines += [f'{NAMES[i % 12]},{2 * k},{i + 1},c{k:02}' for i in range(30 - k)]
    (folder / 'clicks.csv').write_text('\n'.join(lines) + '\n')
    told = init('photos', 'clicks.csv')
    start = told.index('clicks.csv: clicks in 12 photographs, classes:')
    shown = [line.split()[0] for line in told[start + 1 : start + 18]]
    rarest = ['c29', 'c28', 'c27', 'c26']
    assert shown == [*(f'c{k:02}' for k in range(12)), '…', *rarest]
    assert told[start + 13] == '  … and 14 more, the rarest:'
    warned = [line for line in told if 'click it at least' in line]
    assert warned[0].startswith("! class 'c29' has 1 click") and len(warned) == 8
    assert '! … and likewise for 1 more classes' in told


def test_a_tag_of_every_photograph_is_warned_about(folder):
    tags = {name: ['road', 'car'][: 1 + i % 2] for i, name in enumerate(NAMES)}
    (folder / 'tags.json').write_text(json.dumps(tags))
    text = '\n'.join(init('photos', 'tags.json'))
    assert "class 'road' is in all 12 photographs: tags cannot teach where it is" in text
    assert "'car' is in all" not in text


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ('image,x,y,class\nsite0/p0.jpg,1,1,0\n', r'classes are numbers \(0\): name them'),
        ('image,x,y,class\nother.jpg,1,1,cat\n', 'no photograph of photos is called so'),
        ('image,x,y,class\nsite0/p0.jpg,1,1,cat\n', "'cat' is the only class: label what"),
    ],
)
def test_labels_that_cannot_be_used_are_one_line(folder, content, message):
    (folder / 'clicks.csv').write_text(content)
    with pytest.raises(ValueError, match=message):
        init('photos', 'clicks.csv')
    assert not (folder / 'project').exists()


def test_numbers_get_the_names_that_are_given(folder):
    write_clicks(folder / 'clicks.csv', NAMES, ('0', '1'))
    init('photos', 'clicks.csv', classes=['background', 'cat'])
    train, _ = build(Config.fromfile('project/config.py'))
    assert train.click_report['clicks_per_class'] == dict(background=10, cat=10)


def test_nothing_is_overwritten_unasked(folder):
    write_clicks(folder / 'clicks.csv', NAMES)
    init('photos', 'clicks.csv')
    (folder / 'project/config.py').write_text('# mine')
    with pytest.raises(ValueError, match='exists: --overwrite it'):
        init('photos', 'clicks.csv')
    assert (folder / 'project/config.py').read_text() == '# mine'
    init('photos', 'clicks.csv', overwrite=True)
    assert 'ClickDataset' in (folder / 'project/config.py').read_text()


@pytest.mark.parametrize(('file', 'masks'), [('labels.json', []), ('tags.json', ['masks'])])
def test_labels_that_lie_where_init_writes_stay(folder, file, masks):
    """Also with --overwrite; the names of files alone would ask for a copy."""
    (folder / 'masks/site0').mkdir(parents=True)
    Image.fromarray(np.eye(40, 60, dtype=np.uint8)).save('masks/site0/p0.png')
    tags = {name.split('/')[1]: [('dog', 'owl')[i % 2]] for i, name in enumerate(NAMES)}
    (folder / file).write_text(json.dumps(tags))
    classes = ['background', 'cat'] if masks else None
    before = sorted(folder.iterdir())
    with pytest.raises(ValueError, match=f'^{file} holds the labels: move it'):
        init('photos', [*masks, file], out='.', classes=classes, overwrite=True)
    assert json.loads((folder / file).read_text()) == tags
    assert sorted(folder.iterdir()) == before


def test_files_beside_a_config_are_not_overwritten_either(folder):
    write_clicks(folder / 'clicks.csv', NAMES)
    (folder / 'train.txt').write_text('mine')
    with pytest.raises(ValueError, match='^train.txt exists: --overwrite it'):
        init('photos', 'clicks.csv', out='.')
    assert (folder / 'train.txt').read_text() == 'mine'


def test_without_labels_the_folder_is_looked_at(folder):
    lines = init('photos')
    assert lines[0] == 'photos: 12 photographs (12 .jpg), long side 60 pixels'
    assert 'annotate' in lines[-1] and not (folder / 'project').exists()


def test_held_out_photographs_leave_every_class_to_the_training(folder):
    write_clicks(folder / 'clicks.csv', NAMES)
    with open('clicks.csv', 'a') as file:
        file.write(''.join(f'{name},30,30,rare\n' for name in NAMES[:2]))
    found = survey('photos', 'clicks.csv')
    for share in (0.2, 0.9):
        kept = held_out(found, share)
        assert kept and not set(kept) & set(NAMES[:2])
        left = [found.marks[name] for name in NAMES if name not in kept]
        assert all(sum(name in c for c in left) >= 2 for name in found.classes)


def test_close_clicks_ask_for_a_larger_side(folder):
    write_clicks(folder / 'clicks.csv', NAMES)
    found = survey('photos', 'clicks.csv')
    found.sizes = np.tile([4000, 3000], (12, 1))
    assert choose_long_side(found, gpu=False) == 400
    assert choose_long_side(found, gpu=True) == 800
    found.spacing = 80.0
    assert choose_long_side(found, gpu=False) == 800
    found.spacing = 8.0
    assert choose_long_side(found, gpu=False) == 1600
    assert choose_crop(256, gpu=False) == 160 and choose_crop(800, gpu=True) == 480


def test_percent_for_pixels_are_refused_before_a_config_is_written(folder):
    for name in NAMES:
        draw(folder / 'large' / name, size=(480, 360))
    lines = [f'{name},{20.5 + i},{90.5 - i},cat' for i, name in enumerate(NAMES)]
    lines += [f'{name},{60.5 + i},{30.5 + i},background' for i, name in enumerate(NAMES)]
    (folder / 'clicks.csv').write_text('\n'.join(['image,x,y,class', *lines]) + '\n')
    with pytest.raises(ValueError, match=r'^clicks.csv: none of 24 clicks .* percent'):
        init('large', 'clicks.csv')
    assert not (folder / 'project').exists()


def test_exchanged_axes_are_refused_and_clicks_outside_are_told(folder):
    head, places = ['image,x,y,class'], [(50, 10, 'cat'), (5, 30, 'background')]
    right = [f'{name},{x},{y},{c}' for name in NAMES for x, y, c in places]
    swapped = [f'{name},{y},{x},{c}' for name in NAMES for x, y, c in places]
    (folder / 'swapped.csv').write_text('\n'.join(head + swapped) + '\n')
    with pytest.raises(ValueError, match=r'^swapped.csv: 12 of 24 .* axes swapped'):
        init('photos', 'swapped.csv')
    beyond = [f'{NAMES[0]},70,5,cat']
    (folder / 'clicks.csv').write_text('\n'.join(head + right + beyond) + '\n')
    (line,) = [line for line in init('photos', 'clicks.csv') if 'outside' in line]
    assert line.startswith('! 1 of 25 clicks lie outside')
    assert f'the first at (70, 5) of {NAMES[0]}, which is 60x40; they are not' in line
    assert 'with x and y' not in line, '(5, 70) lies outside as well'


def test_many_clicks_outside_are_refused_with_what_may_have_happened(folder):
    places = [(50, 30, 'cat'), (5, 30, 'background'), (100, 60, 'cat'), (5, 50, 'cat')]
    lines = [f'{name},{x},{y},{c}' for name in NAMES for x, y, c in places]
    (folder / 'clicks.csv').write_text('\n'.join(['image,x,y,class', *lines]) + '\n')
    with pytest.raises(ValueError) as error:
        init('photos', 'clicks.csv')
    text = str(error.value)
    assert text.startswith('clicks.csv: 24 of 48 clicks lie outside')
    assert f'(100, 60) of {NAMES[0]}, which is 60x40: with x and y exchanged 12 of' in text
    assert not (folder / 'project').exists()


def test_misspelt_class_is_told(folder):
    write_clicks(folder / 'clicks.csv', NAMES)
    with open('clicks.csv', 'a') as file:
        file.write(f'{NAMES[3]},30,30,catt\n')
    lines = init('photos', 'clicks.csv', 'a')
    slip = (
        "! class 'catt' has 1 beside 12 of 'cat': did you mean cat? Rename it in "
        'clicks.csv, or give --classes'
    )
    assert slip in lines and not any("class 'cat'" in line for line in lines)
    with pytest.raises(ValueError, match=r"'catt' is not among --classes, .* 'cat'\?"):
        init('photos', 'clicks.csv', 'b', classes=['background', 'cat'])


def test_labels_in_the_place_of_photographs_are_named(folder):
    write_clicks(folder / 'clicks.csv', NAMES)
    with pytest.raises(ValueError, match=r'^clicks.csv is a file: the folder'):
        init('clicks.csv', 'photos')


PYRAMID = dict(embed_dim=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 2, 2], image_size=32)
FOUNDATION = dict(
    dinov2=(
        dict(hidden_size=16, num_hidden_layers=8, num_attention_heads=2, image_size=42),
        [2, 4, 6, 8],
    ),
    swin=(dict(PYRAMID, window_size=2), [1, 2, 3, 4]),
)


@pytest.mark.parametrize('kind', FOUNDATION)
def test_another_backbone_comes_below_every_head(folder, kind):
    """Clicks that say no, tags, and what learns from the labels of both."""
    library = pytest.importorskip('transformers', reason='transformers is not installed')
    settings, stages = FOUNDATION[kind]
    library.AutoConfig.for_model(kind, **settings).save_pretrained('model')
    (folder / 'model/preprocessor_config.json').write_text(
        json.dumps(dict(image_mean=[0.5, 0.5, 0.4], image_std=[0.2, 0.2, 0.2]))
    )
    marks = [dict(x=5, y=6, cls='background'), dict(x=9, y=9, cls='cat', no=True)]
    marks.append(dict(x=30, y=9, cls='cat'))
    (folder / 'clicks.json').write_text(json.dumps(dict.fromkeys(NAMES, marks)))
    (folder / 'tags.json').write_text(json.dumps({n: ['cat'] for n in NAMES}))
    init('photos', 'clicks.json', backbone='model')
    init('photos', 'tags.json', out='tagged', backbone='model')
    names = [stage.name for stage in load_stages('tagged/stages.py')]
    assert names == ['training', 'labels', 'student']
    for name in ('project/config', 'project/student', 'tagged/config', 'tagged/student'):
        config = Config.fromfile(f'{name}.py')
        assert config.model.backbone.model == 'model', name
        assert config.model.backbone.out_indices == stages
        assert config.model.data_preprocessor.mean == [127.5, 127.5, 102.0]
        config.model.backbone.pretrained = False
        model = MODELS.build(config.model)
        model.eval().data_preprocessor.channels_last = False
        features = model.extract_feat(torch.zeros(1, 3, 64, 64))
        assert model.decode_head(features).shape[:2] == (1, 2 - (name == 'tagged/config'))
    labels = load_stages('project/stages.py')[1]
    assert labels.command[labels.command.index('--labeller') + 1] == 'segmentor'
    losses = Config.fromfile('project/config.py').model.decode_head.loss_decode
    assert [loss.type for loss in losses] == ['PartialCrossEntropyLoss', 'ExclusionLoss']


def test_a_backbone_that_cannot_be_read_is_one_line(folder, monkeypatch):
    pytest.importorskip('transformers', reason='transformers is not installed')
    write_clicks(folder / 'clicks.csv', NAMES)
    with pytest.raises(FileNotFoundError, match=r'init --backbone: the folder \./none'):
        init('photos', 'clicks.csv', backbone='./none')
    (folder / 'clip').mkdir()
    (folder / 'clip/config.json').write_text('{"model_type": "clip"}')
    with pytest.raises(ValueError, match='a clip has no form as a backbone'):
        init('photos', 'clicks.csv', backbone='clip')
    assert not (folder / 'project').exists()


def cvat(size, classes=('background', 'cat')):
    """An export of all photographs, annotated at a size."""
    points = ''.join(
        f'<points label="{c}" points="{5 + 9 * i},7"/>' for i, c in enumerate(classes)
    )
    frames = ''.join(
        f'<image id="{i}" name="{n}" width="{size[0]}" height="{size[1]}">{points}</image>'
        for i, n in enumerate(NAMES)
    )
    return f'<annotations>{frames}</annotations>'


def test_labels_of_photographs_of_another_size_are_refused(folder):
    """Nothing else tells: the clicks lie inside either."""
    (folder / 'own.xml').write_text(cvat((60, 40)))
    init('photos', 'own.xml')
    for size in ((30, 20), (40, 60)):
        (folder / 'small.xml').write_text(cvat(size))
        text = f"small.xml: image '{NAMES[0]}': annotated at {size[0]}x{size[1]}, the file"
        with pytest.raises(ValueError, match=text):
            init('photos', 'small.xml', 'other')


def test_uploads_find_their_photographs(folder):
    """Label Studio knows neither the folder nor the plain name."""
    names = [f'{i:08x}-{Path(name).name}' for i, name in enumerate(NAMES)]
    write_clicks(folder / 'clicks.csv', names)
    init('photos', 'clicks.csv')
    written = json.loads(Path('project/labels.json').read_text())
    assert {name: marks[0]['y'] for name, marks in written.items()} == {
        name: 10 + i for i, name in enumerate(NAMES)
    }


def test_two_names_of_a_photograph_are_one_line(folder):
    write_clicks(folder / 'clicks.csv', [*NAMES, NAMES[0].removesuffix('.jpg')])
    with pytest.raises(ValueError, match='^clicks.csv: .* are both the photograph'):
        init('photos', 'clicks.csv')


def test_ids_as_a_spreadsheet_writes_them_are_ids(folder):
    write_clicks(folder / 'clicks.csv', NAMES, ('0.0', '1.0'))
    with pytest.raises(ValueError, match='classes are numbers .0.0, 1.0.: name them'):
        init('photos', 'clicks.csv')
    lines = init('photos', 'clicks.csv', classes=['background', 'cat'])
    assert '  cat         12 clicks in 12 photographs' in lines
    with pytest.raises(ValueError, match="class '1.0' is not among --classes"):
        init('photos', 'clicks.csv', 'other', classes=['background'])


def test_what_is_left_out_of_labels_is_told(folder):
    mark = '<points label="cat" source="auto" points="1,1"/></image>'
    text = cvat((60, 40), ('Background', 'cat')).replace('</image>', mark)
    (folder / 'export.xml').write_text(text)
    lines = init('photos', 'export.xml')
    assert '! left out of export.xml: 12 cat (set by a machine)' in lines
    assert "! class 'Background' is no background until it is called 'background'" in lines


def test_folders_of_programs_are_no_classes(folder):
    for name in ('cat/1.jpg', 'dog/2.jpg', '.checkpoints/1.jpg', '__MACOSX/._cat.jpg'):
        draw(folder / 'pets' / name)
    init('pets', 'pets')
    assert Config.fromfile('project/config.py').classes == ('background', 'cat', 'dog')
