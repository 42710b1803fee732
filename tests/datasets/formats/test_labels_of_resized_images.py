"""Positions in photographs that were resized after they were annotated."""

import json

import numpy as np
import pytest
from PIL import Image

from mmseg_weak.datasets.formats.checks import check_sizes
from mmseg_weak.project.survey import survey


def labelme(size):
    """A click of a cat at (5, 4), annotated at a size."""
    shape = dict(label='cat', shape_type='point', points=[[5.0, 4.0]])
    other = dict(shape, label='dog', points=[[7.0, 2.0]])
    return dict(
        version='5.4.1',
        imagePath='a.jpg',
        imageData=None,
        imageWidth=size[0],
        imageHeight=size[1],
        shapes=[shape, other],
    )


@pytest.mark.parametrize('size', [(20, 10), (40, 20)])
def test_init_refuses_clicks_of_another_size(tmp_path, size):
    (tmp_path / 'photos').mkdir()
    (tmp_path / 'labels').mkdir()
    Image.fromarray(np.zeros((10, 20, 3), np.uint8)).save(tmp_path / 'photos' / 'a.jpg')
    (tmp_path / 'labels' / 'a.json').write_text(json.dumps(labelme(size)))
    if size == (20, 10):
        found = survey(
            tmp_path / 'photos', tmp_path / 'labels', ['background', 'cat', 'dog']
        )
        assert found.kind == 'clicks'
        return
    with pytest.raises(ValueError, match=r"'a.jpg': annotated at 40x20, the file is 20x10"):
        survey(tmp_path / 'photos', tmp_path / 'labels', ['background', 'cat', 'dog'])


def test_check_sizes_passes_over_what_is_not_known():
    check_sizes({'a': (4, 3), 'b': (1, 1)}, {'a': (4, 3)})
    with pytest.raises(ValueError, match='take the files that were annotated'):
        check_sizes({'a': (4, 3)}, {'a': (3, 4)})
