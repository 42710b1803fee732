"""Clicks in, masks of all images out."""

import json
import os

import cv2
import numpy as np
import pytest
import torch

from mmseg_weak.datasets import ClickDataset
from mmseg_weak.datasets.mask_files import read_mask
from mmseg_weak.live import (
    RULES,
    LiveSession,
    export_clicks,
    export_masks,
    suggestion,
    write_labels,
)
from mmseg_weak.live.pyramid import along
from mmseg_weak.prediction.photos import find_photos


def click_both(session):
    session.click('a.png', 5.5, 20.5, 'square')
    session.click('a.png', 50.5, 40.5, 'grass')
    session.click('b.jpg', 30.5, 20.5, 'square')
    session.click('b.jpg', 60.5, 5.5, 'grass')


def test_images_of_all_suffixes_without_hidden_ones(session):
    assert session.images == ['a.png', 'b.jpg', 'more/a.png', 'more/c.JPG']


def test_results_inside_the_folder_are_no_photographs(photos, pyramid):
    session = LiveSession(photos, ['grass', 'square'], photos / 'work', pyramid)
    click_both(session)
    export_masks(session, photos / 'work' / 'masks')
    session.journal.close()
    opened = LiveSession(photos, (), photos / 'work', pyramid)
    assert opened.images == ['a.png', 'b.jpg', 'more/a.png', 'more/c.JPG']
    with pytest.raises(ValueError, match=r'a\.png is a file, give the folder'):
        LiveSession(photos / 'a.png', (), None, pyramid)


def test_a_click_changes_masks_of_other_images(session):
    click_both(session)
    mask = session.mask('more/c.JPG')
    assert mask.shape == (48, 64) and mask.dtype == np.uint8
    truth = np.zeros((48, 64), bool)
    truth[10:34, 34:58] = True
    assert ((mask == 1) == truth).mean() > 0.8


def test_no_click_is_an_error_and_one_class_is_everywhere(session):
    with pytest.raises(ValueError, match='no click yet'):
        session.mask('a.png')
    session.click('a.png', 5.5, 20.5, 'square')
    assert (session.mask('b.jpg') == 1).all()


def test_an_opened_session_has_the_same_clicks_and_masks(session, photos, pyramid):
    click_both(session)
    session.remove(1)
    session.scribble('more/a.png', [(1, 1), (60, 1)], 'grass')
    before = session.mask('more/c.JPG')
    session.journal.close()
    opened = LiveSession(photos, (), session.work_dir, pyramid)
    assert opened.classes == ['grass', 'square']
    assert opened.clicks == session.clicks
    assert (opened.mask('more/c.JPG') == before).mean() > 0.99


def test_order_of_clicks_does_not_matter(photos, tmp_path, pyramid):
    places = [('a.png', 5.5, 20.5, 'square'), ('a.png', 50.5, 40.5, 'grass')]
    places += [('b.jpg', 60.5, 5.5, 'grass'), ('b.jpg', 30.5, 20.5, 'square')]
    results = []
    for i, order in enumerate((places, places[::-1])):
        session = LiveSession(photos, ['grass', 'square'], tmp_path / str(i), pyramid)
        for place in order:
            session.click(*place)
            session.mask('a.png')
        results.append(session.probabilities('more/a.png'))
    torch.testing.assert_close(*results, atol=2e-3, rtol=0)


def test_denied_class_leaves_the_place(session):
    click_both(session)
    before = session.probabilities('more/a.png', (48, 64))[1, 20, 35]
    session.click('more/a.png', 35.5, 20.5, 'square', no=True)
    assert session.probabilities('more/a.png', (48, 64))[1, 20, 35] < before


def test_classes_are_renamed_merged_and_undone(session):
    click_both(session)
    session.rename_class('square', 'box')
    session.add_class('third')
    assert session.classes == ['grass', 'box', 'third']
    session.merge_classes('box', 'grass')
    assert {click.name for click in session.clicks} == {'grass'}
    session.undo()
    assert session.classes == ['grass', 'box', 'third']
    session.undo()
    session.redo()
    assert session.classes == ['grass', 'box', 'third']


@pytest.mark.parametrize(
    ('call', 'message'),
    [
        (lambda s: s.click('x.png', 1, 1, 'grass'), "no image 'x.png'"),
        (lambda s: s.click('a.png', 64, 1, 'grass'), 'outside, the image is 64 x 48'),
        (lambda s: s.click('a.png', float('nan'), 1, 'grass'), 'outside'),
        (lambda s: s.click('a.png', 1, 1, 'tree'), "no class 'tree'"),
        (lambda s: s.remove(7), 'no click 7'),
        (lambda s: s.redo(), 'nothing to redo'),
        (lambda s: s.add_class('grass'), 'already'),
        (lambda s: s.add_class(' '), 'needs a name'),
        (lambda s: s.merge_classes('grass', 'grass'), 'itself'),
        (lambda s: s.suggest('best'), "unknown rule 'best'"),
        (lambda s: s.mask('../a.png'), 'no image'),
    ],
)
def test_mistakes_are_named_and_change_nothing(session, call, message):
    before = list(session.journal.done)
    with pytest.raises(ValueError, match=message):
        call(session)
    assert session.journal.done == before


@pytest.mark.parametrize('rule', RULES)
def test_suggestions_lie_inside_and_are_repeatable(session, rule):
    click_both(session)
    for image in session.images:
        session.maps(image)
    first, second = session.suggest(rule), session.suggest(rule)
    assert first == second and first.image in session.images
    assert 0 <= first.x < 64 and 0 <= first.y < 48
    assert sum(first.probs.values()) == pytest.approx(1, abs=1e-4)


def test_suggestions_go_by_the_masks_as_shown(session, monkeypatch):
    """Refinement may settle what the head alone is unsure of."""
    click_both(session)
    for image in session.images:
        session.maps(image)
    monkeypatch.setattr(suggestion, 'NUM_REFINED', 4)
    for unsure in session.images:

        def refined(image, unsure=unsure):
            first = 0.6 if image == unsure else 0.99
            return torch.tensor([first, 1 - first])[:, None, None].expand(2, 48, 64)

        monkeypatch.setattr(session, 'probabilities', refined)
        found = session.suggest('margin')
        assert found.image == unsure
        assert found.probs == pytest.approx(dict(grass=0.6, square=0.4))


def test_exports_are_read_by_the_training(session, tmp_path):
    click_both(session)
    assert export_clicks(session, tmp_path / 'clicks.json') == []
    data = ClickDataset(
        click_file=str(tmp_path / 'clicks.json'),
        metainfo=dict(classes=('grass', 'square')),
        data_prefix=dict(img_path=str(session.photos)),
        img_suffix='.jpg',
        pipeline=[],
    )
    (info,) = [data.get_data_info(i) for i in range(len(data)) if len(data[i]['clicks'])]
    assert info['clicks'].tolist() == [[30.5, 20.5], [60.5, 5.5]]
    assert info['click_labels'].tolist() == [1, 0]
    export_masks(session, tmp_path / 'masks', ['more/c.JPG'])
    exported = read_mask(tmp_path / 'masks' / 'more' / 'c.png')
    assert (exported == session.mask('more/c.JPG')).all()


def test_a_no_makes_background_possible(session):
    session.add_class('circle')
    session.rename_class('grass', 'background')
    session.click('a.png', 60.5, 5.5, 'square', no=True)
    assert session.probabilities('a.png').max() < 0.9, 'nothing is named'
    session.click('a.png', 5.5, 20.5, 'square')
    session.click('b.jpg', 30.5, 20.5, 'circle')
    assert session.model().map_logits(session.maps('a.png'), (4, 4)).isfinite().all()


def test_no_background_does_not_make_background_possible(session):
    session.add_class('circle')
    session.rename_class('grass', 'background')
    session.click('a.png', 5.5, 20.5, 'square')
    session.click('b.jpg', 30.5, 20.5, 'circle')
    session.click('b.jpg', 60.5, 15.5, 'background', no=True)
    logits = session.model().map_logits(session.maps('a.png'), (4, 4))
    assert logits.isfinite().flatten(1).all(1).tolist() == [False, True, True]


def test_two_images_never_share_a_mask(session, tmp_path):
    click_both(session)
    session.images.append('a.jpg')
    with pytest.raises(ValueError, match='a.png and a.jpg would share a mask'):
        export_masks(session, tmp_path / 'masks')


def test_points_along_a_line_are_at_most_a_step_apart():
    points = along(np.array([[0, 0], [3, 4], [3, 10]], float), 1.0)
    assert len(points) == 12
    assert np.hypot(*np.diff(points, axis=0).T).max() <= 1.0 + 1e-9
    assert (points[0] == 0).all() and (points[-1] == [3, 10]).all()


def test_scribbles_and_denials_reach_the_training(session, tmp_path):
    session.scribble('b.jpg', [(30, 20), (34, 20), (34, 24)], 'square')
    session.scribble('b.jpg', [(2, 2), (2, 8)], 'square', no=True)
    session.click('b.jpg', 60.5, 5.5, 'grass')
    assert export_clicks(session, tmp_path / 'clicks.json') == []
    data = ClickDataset(
        click_file=str(tmp_path / 'clicks.json'),
        metainfo=dict(classes=('grass', 'square')),
        data_prefix=dict(img_path=str(session.photos)),
        img_suffix='.jpg',
        pipeline=[],
    )
    info = data.get_data_info(0)
    marks = zip(info['click_strokes'], info['click_labels'], info['click_negatives'])
    expected = [(0, 1, False)] * 3 + [(1, 1, True)] * 2 + [(2, 0, False)]
    assert [tuple(map(int, mark)) for mark in marks] == expected


def test_clicks_of_a_photograph_that_is_gone_are_kept(session, photos, pyramid):
    click_both(session)
    session.journal.close()
    (photos / 'b.jpg').rename(photos / 'elsewhere.txt')
    opened = LiveSession(photos, (), session.work_dir, pyramid)
    assert [click.image for click in opened.clicks] == ['a.png'] * 2
    assert opened.mask('a.png').shape == (48, 64)
    opened.journal.close()
    (photos / 'elsewhere.txt').rename(photos / 'b.jpg')
    assert len(LiveSession(photos, (), session.work_dir, pyramid).clicks) == 4


def test_the_same_command_does_not_bring_back_what_was_renamed(session, photos, pyramid):
    session.rename_class('grass', 'lawn')
    session.add_class('third')
    session.merge_classes('third', 'square')
    session.journal.close()
    names = ['grass', 'square', 'third', 'new']
    opened = LiveSession(photos, names, session.work_dir, pyramid)
    assert opened.classes == ['lawn', 'square', 'new']


def test_names_that_no_file_can_hold_are_left_out(photos, tmp_path, pyramid):
    """One of them would keep the page from opening and every export from ending."""
    content = (photos / 'a.png').read_bytes()
    for name in (b'caf\xe9.png', b'two\nlines.png'):
        with open(os.path.join(os.fsencode(photos), name), 'wb') as file:
            file.write(content)
    session = LiveSession(photos, ['grass', 'square'], tmp_path / 'work', pyramid)
    assert session.images == ['a.png', 'b.jpg', 'more/a.png', 'more/c.JPG']
    (tmp_path / 'only').mkdir()
    (tmp_path / 'only' / 'two\nlines.png').write_bytes(content)
    with pytest.raises(ValueError, match='no image has a name that can be written'):
        LiveSession(tmp_path / 'only', (), None, pyramid)


def test_clicks_outside_a_photograph_that_was_replaced_are_not_used(
    session, photos, tmp_path, pyramid
):
    click_both(session)
    session.scribble('b.jpg', [(1, 1), (60, 1)], 'grass')
    session.journal.close()
    small = cv2.resize(cv2.imread(str(photos / 'b.jpg')), (32, 24))
    cv2.imwrite(str(photos / 'b.jpg'), small)
    opened = LiveSession(photos, (), session.work_dir, pyramid)
    labels = dict(write_labels(opened, tmp_path / 'labels'))
    assert labels['b.jpg'].shape == (2, 24, 32)
    export_clicks(opened, tmp_path / 'clicks.json')
    assert len(json.loads((tmp_path / 'clicks.json').read_text())['b.jpg']) == 1


def test_links_are_followed_but_not_in_a_circle(photos, tmp_path):
    (tmp_path / 'elsewhere').mkdir()
    (photos / 'a.png').rename(tmp_path / 'elsewhere' / 'd.png')
    (photos / 'link').symlink_to(tmp_path / 'elsewhere')
    (photos / 'more' / 'up').symlink_to(photos)
    (tmp_path / 'elsewhere' / 'back').symlink_to(photos / 'more')
    names = ['b.jpg', 'link/back/a.png', 'link/back/c.JPG', 'link/d.png']
    assert find_photos(photos) == [*names, 'more/a.png', 'more/c.JPG']
