"""The notebook runs top to bottom, here with short trainings."""

import json
from pathlib import Path

import pytest
from toy import REPOSITORY

from mmseg_weak.models.backbones.package_weights import package_file

NOTEBOOK = REPOSITORY / 'docs/notebooks/photographs.ipynb'


@pytest.mark.slow
def test_the_notebook_runs(tmp_path, monkeypatch):
    pytest.importorskip('skimage')
    try:
        package_file('efficientnet-lite0')
    except FileNotFoundError as error:
        pytest.skip(str(error))
    monkeypatch.chdir(tmp_path)
    cells = json.loads(NOTEBOOK.read_text())['cells']
    code = [''.join(cell['source']) for cell in cells if cell['cell_type'] == 'code']
    assert 'ITERATIONS = 120' in code[0]
    code[0] = code[0].replace('ITERATIONS = 120', 'ITERATIONS = 32')
    space = {}
    for cell in code:
        exec(cell, space)
    assert space['mask'].shape == (400, 600)
    masks = sorted(path.name for path in Path('pets/results/masks').iterdir())
    assert masks == ['astronaut.png', 'chelsea.png', 'coffee.png']
    assert not any(cell.get('outputs') for cell in cells), 'outputs are not kept'
