"""Links, paths and the configs that the documentation prints."""

import importlib
import itertools
import re

import pytest
from mmengine.config import Config
from mmseg.registry import MODELS
from toy import REPOSITORY

from mmseg_weak.project.config_text import config_text
from mmseg_weak.project.mixed_text import mixed_texts
from mmseg_weak.stages import load_stages

PAGES = sorted(
    path.relative_to(REPOSITORY).as_posix()
    for pattern in ('*.md', 'docs/**/*.md', 'configs/*/*.md')
    for path in REPOSITORY.glob(pattern)
)
FENCE = re.compile(r'^```.*?^```', re.M | re.S)


def anchors(path):
    """Names that a heading of a page gets on GitHub."""
    headings = re.findall(r'^#+ (.*)$', FENCE.sub('', path.read_text()), re.M)
    plain = (re.sub(r'[^\w\- ]', '', heading.strip().lower()) for heading in headings)
    return {heading.replace(' ', '-') for heading in plain}


@pytest.mark.parametrize('page', PAGES)
def test_links_lead_somewhere(page):
    path = REPOSITORY / page
    for link in re.findall(r'\]\(([^)]+)\)', FENCE.sub('', path.read_text())):
        if '://' in link:
            continue
        target, _, anchor = link.partition('#')
        goal = path.parent / target if target else path
        assert goal.exists(), link
        assert not anchor or anchor in anchors(goal), link


@pytest.mark.parametrize('page', PAGES)
def test_files_of_commands_exist(page):
    commands = '\n'.join(
        re.findall(r'^```bash\n(.*?)^```', (REPOSITORY / page).read_text(), re.M | re.S)
    )
    for name in re.findall(
        r'(?<![\w/.$])((?:tools|configs|tests)/[\w/.\-]+\.(?:py|sh))', commands
    ):
        assert (REPOSITORY / name).is_file(), name


@pytest.mark.parametrize('page', PAGES)
def test_lists_that_are_named_exist(page):
    for name in re.findall(r'`(stages_[\w.\-…*]+)`', (REPOSITORY / page).read_text()):
        pattern = name.replace('…', '*').removesuffix('.py').rstrip('*')
        assert list(REPOSITORY.glob(f'configs/*/{pattern}*.py')), name


def test_the_readme_leads_to_every_page():
    readme = (REPOSITORY / 'README.md').read_text()
    missing = [page for page in PAGES if page.startswith('docs/') and page not in readme]
    assert not missing


def write_own_configs(folder, page, count):
    """The configs of a page of docs, under the names that it gives them."""
    text = (REPOSITORY / 'docs' / page).read_text()
    sources = re.findall(r'```python\n(.*?)```', text, re.S)
    names = list(dict.fromkeys(re.findall(r'`(my_\w+\.py)`', text)))
    own = [source for source in sources if re.match(r'_base_|metainfo', source)]
    assert len(own) == count <= len(names)
    for name, source in zip(names, own):
        path = folder / name
        path.write_text(source.replace("'configs/", f"'{REPOSITORY}/configs/"))


def load_fitting(path, crop_step):
    """Config, model and training set, whose crop and classes are those of the model."""
    config = Config.fromfile(path)
    model, dataset = MODELS.build(config.model), config.train_dataloader.dataset
    crop = next(step for step in dataset.pipeline if step.type == crop_step)
    assert tuple(crop.crop_size) == tuple(model.data_preprocessor.size)
    metainfo = dataset.get('metainfo') or dataset.dataset.metainfo
    assert model.decode_head.num_classes == len(metainfo.classes)
    return config, model, dataset


def write_project(folder, name, texts):
    """What `mmseg-weak init` writes, in a folder of its own."""
    (folder / name).mkdir()
    for file, text in texts.items():
        (folder / name / file).write_text(text)


def values(**more):
    """Of a project."""
    return dict(
        facts='12 photographs.',
        budget='quick',
        classes=('background', 'cat', 'dog', 'red panda'),
        long_side=300,
        crop=160,
        images='photos',
        suffix='.jpg',
        workers=1,
        train_list='train.txt',
        held_out_list='held_out.txt',
        **more,
    )


def test_the_student_with_a_teacher_fits_together(tmp_path):
    text = config_text('clicks', 'clicks.csv', True, **values(work_dir='cells/training'))
    write_project(tmp_path, 'cells', {'config.py': text})
    write_own_configs(tmp_path, 'clicks.md', count=2)
    scores = Config.fromfile(tmp_path / 'my_scores.py')
    assert scores.val_evaluator == dict(type='IoUMetric', iou_metrics=['mIoU'])
    assert scores.test_dataloader.dataset.metainfo.classes == scores.classes
    config, model, dataset = load_fitting(tmp_path / 'my_student.py', 'ClickRandomCrop')
    assert dataset.pseudo_label_dir == 'cells/labels'
    assert model.consistency is not None and model.pseudo_label is not None
    assert any(hook.type == 'EMATeacherHook' for hook in config.custom_hooks)


def test_rounds_for_own_tags_resolve(tmp_path):
    text = config_text('tags', 'tags.csv', False, **values(work_dir='pets_tags/training'))
    write_project(tmp_path, 'pets_tags', {'config.py': text})
    write_own_configs(tmp_path, 'methods/sub_category.md', count=1)
    config, model, _ = load_fitting(tmp_path / 'my_rounds.py', 'RandomCrop')
    assert model.sub_category_head.num_clusters == 10
    rounds = config.custom_hooks[-1].rounds
    assert {b - a for a, b in itertools.pairwise(rounds)} == {config.param_scheduler[1].end}
    assert rounds[-1] < config.train_cfg.max_iters


def test_prediction_transfer_fits_what_init_writes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own = values(strong=['cat', 'dog'], weak=['red panda'])
    texts = mixed_texts('pets', 'pets/tags.json', 'masks', 'cpu', **own)
    # As the page says.
    more = "pretrain_config = 'my_pretrain.py'\npnet_config = 'my_pnet.py'\n"
    texts['stages.py'] = texts['stages.py'].replace('[:4]', '') + more
    write_project(tmp_path, 'pets', texts)
    for name, base in (('pnet', 'pets/config.py'), ('pnet-pretrain', 'my_pnet.py')):
        (shipped,) = REPOSITORY.glob(f'configs/transfer/{name}_fpn_*-160x160.py')
        text = re.sub("_base_ = '.*'", f"_base_ = '{base}'", shipped.read_text())
        (tmp_path / f'my_{name.removeprefix("pnet-")}.py').write_text(text)
    for name, phase in (('my_pnet.py', 'joint'), ('my_pretrain.py', 'pretrain')):
        assert load_fitting(tmp_path / name, 'RandomCrop')[1].phase == phase
    names = [stage.name for stage in load_stages('pets/stages.py')]
    assert names[:4] == ['lnet', 'cam', 'labels', 'segmenter'] and 'pnet' in names


def test_the_config_with_a_regularised_loss_builds(tmp_path):
    write_own_configs(tmp_path, 'regularised_losses.md', count=1)
    model = MODELS.build(Config.fromfile(tmp_path / 'my_terms.py').model)
    assert [type(term).__name__ for term in model.regularisation] == ['AbsentClassLoss']


def test_the_reference_names_what_exists_and_the_site_every_page():
    text = (REPOSITORY / 'docs/reference.md').read_text()
    names = re.findall(r'^::: (\S+)$', text, re.M)
    assert len(names) > 20
    for name in names:
        module, _, attribute = name.rpartition('.')
        assert getattr(importlib.import_module(module), attribute).__doc__, name
    site = (REPOSITORY / 'mkdocs.yml').read_text()
    missing = [page for page in PAGES if page.startswith('docs/') and page not in site]
    assert not missing


def test_tests_that_the_checks_name_exist():
    text = (REPOSITORY / 'docs/checks.md').read_text()
    named = re.findall(r'`([\w/]+\.py)::(test_\w+)`', text)
    assert len(named) > 80
    files = {file: (REPOSITORY / 'tests' / file).read_text() for file, _ in named}
    assert not [pair for pair in named if f'def {pair[1]}(' not in files[pair[0]]]
