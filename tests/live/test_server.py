"""Who is answered, and what."""

import io
import json
import socket
import threading
import time

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from mmseg_weak.datasets.mask_files import read_mask
from mmseg_weak.live import FrozenPyramid, export
from mmseg_weak.live.serve import _listen
from mmseg_weak.live.server import MAX_BODY, build_app
from mmseg_weak.live.shared_session import SharedSession

TOKEN = 'right-token'
ADDRESS = 'http://127.0.0.1:8000'
ORIGIN = {'origin': ADDRESS}


@pytest.fixture
def shared(session):
    shared = SharedSession(session)
    yield shared
    shared.stop()


@pytest.fixture
def page(shared):
    client = TestClient(build_app(shared, TOKEN), base_url=ADDRESS)
    assert client.get(f'/?token={TOKEN}').status_code == 200
    return client


def operate(page, kind, **values):
    return page.post('/api/operation', json=dict(values, kind=kind), headers=ORIGIN)


def add(page, image='a.png', x=5.5, y=20.5, name='square', **values):
    return operate(page, 'add', image=image, points=[[x, y]], name=name, **values)


PATHS = ['/', '/page/main.js', '/api/state', '/api/photo?name=a.png', '/api/news']


@pytest.mark.parametrize('path', PATHS)
@pytest.mark.parametrize('token', ['', 'wrong', 'right-tokem', 'ключ'])
def test_without_the_token_nothing_is_answered(shared, path, token):
    client = TestClient(build_app(shared, TOKEN), base_url=ADDRESS)
    joint = '&' if '?' in path else '?'
    answer = client.get(f'{path}{joint}token={token}')
    assert answer.status_code == 403 and b'grass' not in answer.content


@pytest.mark.parametrize('host', ['evil.example', '127.0.0.1.evil.example:8000', ''])
def test_other_hosts_are_refused(page, host):
    answer = page.get('/api/state', headers={'host': host})
    assert answer.status_code == 403


@pytest.mark.parametrize('origin', [None, 'http://evil.example', 'null', f'{ADDRESS}1'])
def test_other_origins_change_nothing(page, shared, origin):
    headers = {} if origin is None else {'origin': origin}
    body = dict(kind='add_class', name='x')
    answer = page.post('/api/operation', json=body, headers=headers)
    assert answer.status_code == 403 and shared.session.classes == ['grass', 'square']


@pytest.mark.parametrize(
    'name',
    ['../secret.png', '/etc/passwd', '..%2fsecret.png', 'more/../a.png', 'x.png', ''],
)
def test_no_path_outside_the_folder_is_served(page, shared, name):
    (shared.session.photos.parent / 'secret.png').write_bytes(b'0123456789')
    for path in ('photo', 'overlay', 'image'):
        answer = page.get(f'/api/{path}', params={'name': name})
        assert answer.status_code in (204, 400) and b'0123456789' not in answer.content
    assert page.get(f'/page/{name or "x"}').status_code == 404


def test_large_requests_are_cut(page):
    body = b'{"kind": "add_class", "name": "' + b'x' * MAX_BODY + b'"}'
    answer = page.post('/api/operation', content=body, headers=ORIGIN)
    assert answer.status_code == 413


@pytest.mark.parametrize(
    'body',
    [
        b'',
        b'{',
        b'[]',
        b'{"kind": "fly"}',
        b'{"kind": ["add"]}',
        b'{"kind": "journal"}',
        b'{"kind": "add"}',
        b'{"kind": "add", "image": "a.png", "points": [], "name": "grass"}',
        b'{"kind": "add", "image": "a.png", "points": [[1]], "name": "grass"}',
        b'{"kind": "add", "image": "a.png", "points": [["a", 1]], "name": "grass"}',
        b'{"kind": "add", "image": "a.png", "points": {}, "name": "grass"}',
        b'{"kind": "add", "image": "a.png", "points": [[1e400, 1]], "name": "grass"}',
        b'{"kind": "add", "image": 7, "points": [[1, 1]], "name": "grass"}',
        b'{"kind": "undo", "path": "x"}',
        b'{"kind": "add_class", "name": "\\ud800"}',
        b'[' * 100000,
    ],
)
def test_malformed_operations_are_one_line(page, shared, body):
    before = len(shared.session.journal.done)
    answer = page.post('/api/operation', content=body, headers=ORIGIN)
    assert answer.status_code == 400 and answer.json()['error'].count('\n') == 0
    assert len(shared.session.journal.done) == before


def test_a_page_from_first_click_to_export(page, shared):
    assert page.get('/api/overlay', params={'name': 'b.jpg'}).status_code == 204
    assert add(page).json()['number'] == 0
    assert add(page, x=50.5, y=40.5, name='grass').json()['version'] == 4
    state = page.get('/api/state').json()
    assert state['counts'] == {'a.png': 2} and state['can_undo']
    overlay = page.get('/api/overlay', params={'name': 'b.jpg'})
    labels = np.array(Image.open(io.BytesIO(overlay.content)))
    assert (labels == shared.session.mask('b.jpg')).all()
    values = {'name': 'b.jpg', 'hide': '["grass", "no class"]'}
    seen = page.get('/api/overlay', params=values)
    opacity = np.array(Image.open(io.BytesIO(seen.content)).convert('RGBA'))[..., 3]
    assert (opacity == np.where(labels == 0, 0, 255)).all()
    assert page.get('/api/overlay', params={**values, 'hide': '3'}).status_code == 400
    doubt = page.get('/api/overlay', params={'name': 'b.jpg', 'kind': 'doubt'})
    assert np.array(Image.open(io.BytesIO(doubt.content))).shape == labels.shape
    photo = page.get('/api/photo', params={'name': 'b.jpg'})
    assert Image.open(io.BytesIO(photo.content)).size == (64, 48)
    assert page.get('/api/suggest').json()['image'] in state['images']
    assert page.get('/api/quality').json()['suspicious'] == []
    answer = page.post('/api/export?format=labelme&masks=1', headers=ORIGIN).json()
    assert answer == dict(folder=f'{shared.session.photos}_export', lost=[])
    mask = read_mask(f'{answer["folder"]}/masks/more/c.png')
    assert (mask == shared.session.mask('more/c.JPG')).all()
    label = read_mask(f'{answer["folder"]}/labels/more/c.png')
    assert (label == mask)[label != 255].all()
    assert (shared.export_to / 'clicks' / 'a.json').is_file()


def test_an_export_never_overwrites_and_tells_how_far_it_is(page, shared, monkeypatch):
    add(page)
    add(page, x=50.5, y=40.5, name='grass')
    write, seen = export.write_mask, []

    def write_and_ask(*args):
        write(*args)
        seen.append(page.get('/api/exporting').json())
        assert not shared.export_to.exists()  # nothing in it before it is complete

    monkeypatch.setattr(export, 'write_mask', write_and_ask)
    page.post('/api/export?masks=1', headers=ORIGIN)
    assert seen == [dict(done=i, total=4) for i in range(4)]
    before = (shared.export_to / 'clicks.json').read_bytes()
    add(page, x=2.5, name='grass')
    answer = page.post('/api/export', headers=ORIGIN).json()
    assert answer['folder'] == f'{shared.export_to}-2'
    assert (shared.export_to / 'clicks.json').read_bytes() == before
    assert page.get('/api/exporting').json()['done'] == 0
    answer = page.post('/api/export?format=../x', headers=ORIGIN)
    assert "'../x' cannot be written" in answer.json()['error']
    with pytest.raises(ValueError, match='is inside the photographs'):
        SharedSession(shared.session, shared.session.photos / 'out')


def test_an_export_is_imported_into_another_session(page, shared):
    add(page)
    add(page, 'more/c.JPG', 40.25, 20.5)
    add(page, x=50.5, y=40.5, name='grass', no=True)
    page.post('/api/export?format=clicks', headers=ORIGIN)
    content = (shared.export_to / 'clicks.json').read_bytes()
    before = [(c.image, c.points, c.name, c.denied) for c in shared.session.clicks]
    for _ in before:
        operate(page, 'undo')
    answer = page.post('/api/import?name=c.json', content=content, headers=ORIGIN)
    assert '3 marks taken' in answer.json()['report']
    after = [(c.image, c.points, c.name, c.denied) for c in shared.session.clicks]
    assert sorted(after) == sorted(before)


def test_names_are_answered_as_data(page):
    name = '<img src=x onerror=alert(1)> "кошка" & \''
    assert operate(page, 'add_class', name=name).status_code == 200
    assert page.get('/api/state').json()['classes'][-1]['name'] == name


def test_pages_learn_of_changes_of_others(page, shared):
    version = page.get('/api/state').json()['version']
    timer = threading.Timer(0.2, lambda: shared.operate('add_class', dict(name='new')))
    timer.start()
    start = time.monotonic()
    assert page.get('/api/news', params={'since': version}).json()['version'] == version + 1
    assert time.monotonic() - start < 15
    timer.join()


def test_two_pages_at_once_lose_nothing(page, shared):
    def work(name):
        for i in range(15):
            shared.operate(
                'add', dict(image='a.png', points=[(i + 0.5, 1.5)], name=name, no=False)
            )

    threads = [threading.Thread(target=work, args=(n,)) for n in ('grass', 'square')]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ids = [click.id for click in shared.session.clicks]
    assert len(set(ids)) == 30


def test_clicks_are_taken_while_masks_are_exported(page, shared, monkeypatch):
    add(page)
    add(page, x=1.5, name='grass')
    write, taken = export.write_mask, []

    def write_after_a_click(*args):
        values = dict(image='a.png', points=[[3.5, 3.5]], name='grass')
        other = threading.Thread(target=lambda: taken.append(shared.operate('add', values)))
        other.start()
        other.join(20)
        assert not other.is_alive()
        write(*args)

    monkeypatch.setattr(export, 'write_mask', write_after_a_click)
    shared.export('clicks', masks=True)
    assert len(taken) == len(shared.session.images)
    marks = json.loads((shared.export_to / 'clicks.json').read_text())
    assert sum(map(len, marks.values())) == 2  # what was clicked meanwhile is not in it


def test_features_computed_ahead_are_of_the_network_that_made_them(shared, monkeypatch):
    """Another network may be taken while the thread computes."""
    session = shared.session
    backbone = dict(type='EfficientNetLite', arch='lite0', out_indices=(0, 1, 2))
    other = FrozenPyramid(backbone, long_side=96)
    first = str(session.photos / session.images[0])
    cache, compute = session.cache, session.cache.compute

    def taken_meanwhile(path):
        maps = compute(path)
        if session.cache is cache:
            session.use(other)
        return maps

    monkeypatch.setattr(cache, 'compute', taken_meanwhile)
    shared._look_ahead()
    expected = other(session.pixels(session.images[0]))
    found = session.cache.get(first)
    assert all((a == b).all() for a, b in zip(found, expected, strict=True))


def test_a_damaged_photograph_stops_nothing(page, shared):
    """It may be one of those that the scale of the features is measured on."""
    (shared.session.photos / 'a.png').write_bytes(b'\x89PNG cut off')
    assert add(page, 'b.jpg').status_code == 200
    assert add(page, 'b.jpg', x=60.5, y=5.5, name='grass').status_code == 200
    assert page.get('/api/overlay', params={'name': 'b.jpg'}).status_code == 200
    assert 'a.png cannot be read' in page.get('/api/photo?name=a.png').json()['error']
    answer = page.post('/api/export?masks=1', headers=ORIGIN).json()
    line = '1 photographs cannot be read, such as a.png: they have no mask'
    assert answer['lost'] == [line]
    folder = shared.export_to
    masks = {str(p.relative_to(folder / 'masks')) for p in folder.rglob('masks/**/*.png')}
    assert masks == {'b.png', 'more/a.png', 'more/c.png'}
    report = json.loads((folder / 'labels' / 'report.json').read_text())
    assert report['images'] == 3


def test_a_photograph_removed_meanwhile_leaves_suggest_alone(page, shared):
    shared._look_ahead()
    add(page, 'b.jpg')
    add(page, 'b.jpg', x=60.5, y=5.5, name='grass')
    (shared.session.photos / 'a.png').unlink()
    answer = page.get('/api/suggest')
    assert answer.status_code == 200 and answer.json()['image'] != 'a.png'


def test_two_sessions_in_one_browser_keep_their_tokens(shared):
    first, second = (
        TestClient(build_app(shared, token), base_url=f'http://127.0.0.1:{port}')
        for token, port in (('one', 8001), ('two', 8002))
    )
    first.get('/?token=one')
    second.get('/?token=two')
    second.cookies.update(first.cookies)  # browsers do not tell ports apart
    first.cookies.update(second.cookies)
    assert first.get('/api/state').status_code == 200
    assert second.get('/api/state').status_code == 200


def test_a_refused_import_names_the_file_of_the_page(page):
    answer = page.post('/api/import?name=my.zip', content=b'PK\x03\x04', headers=ORIGIN)
    assert answer.status_code == 400 and answer.json()['error'].startswith('my.zip: ')


def test_a_browser_may_be_faster_than_the_server():
    """It is opened before the server runs; its connection waits."""
    with _listen(0) as listener:
        with socket.create_connection(listener.getsockname(), timeout=10):
            pass
        with pytest.raises(ValueError, match='port .* cannot be used'):
            _listen(listener.getsockname()[1])
