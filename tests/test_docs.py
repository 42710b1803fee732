"""Links, paths and the configs that the documentation prints."""

import re

import pytest
from mmengine.config import Config
from mmseg.registry import MODELS
from toy import REPOSITORY

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


def test_the_readme_leads_to_every_page():
    readme = (REPOSITORY / 'README.md').read_text()
    missing = [page for page in PAGES if page.startswith('docs/') and page not in readme]
    assert not missing


def test_the_config_for_own_data_fits_together(tmp_path):
    text = (REPOSITORY / 'docs/own_data.md').read_text()
    source = next(
        s for s in re.findall(r'```python\n(.*?)```', text, re.S) if '_base_' in s
    )
    path = tmp_path / 'my_config.py'
    path.write_text(source.replace("'configs/", f"'{REPOSITORY}/configs/"))
    config = Config.fromfile(path)
    model = MODELS.build(config.model)
    dataset = config.train_dataloader.dataset
    crop = next(step for step in dataset.pipeline if step.type == 'ClickRandomCrop')
    assert tuple(crop.crop_size) == tuple(model.data_preprocessor.size)
    assert model.decode_head.num_classes == len(dataset.metainfo.classes)
