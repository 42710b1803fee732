"""The page in a real browser. Needs chromium and chromedriver, else it is skipped."""

import json
import shutil
import socket
import threading
from functools import partial

import pytest
import uvicorn
from selenium import webdriver
from selenium.common.exceptions import (
    NoAlertPresentException,
    NoSuchElementException,
    StaleElementReferenceException,
)
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from mmseg_weak.live import LiveSession
from mmseg_weak.live.server import build_app
from mmseg_weak.live.shared_session import SharedSession

CHROMIUM, DRIVER = shutil.which('chromium'), shutil.which('chromedriver')
pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason='chromium and chromedriver are not installed'
)
OPTIONS = (
    '--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run '
    '--disable-background-networking --disable-component-update --disable-sync '
    '--disable-dev-shm-usage --window-size=1200,800'
)


@pytest.fixture(scope='module')
def browser():
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for option in OPTIONS.split():
        options.add_argument(option)
    options.set_capability('goog:loggingPrefs', {'browser': 'ALL'})
    driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


class Served:
    """A session served in this process."""

    def __init__(self, session):
        self.shared = SharedSession(session)
        listener = socket.socket()
        listener.bind(('127.0.0.1', 0))
        listener.listen()  # a browser may be faster than the server's start
        self.address = f'http://127.0.0.1:{listener.getsockname()[1]}/?token=t'
        config = uvicorn.Config(
            build_app(self.shared, 't'),
            log_config=None,  # as serve() does: log files of other tests stay open
            log_level='error',
            timeout_graceful_shutdown=1,
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, args=([listener],))
        self.shared.start()
        self.thread.start()

    def stop(self):
        self.server.should_exit = True
        with self.shared.changed:
            self.shared._stop.set()
            self.shared.changed.notify_all()
        self.thread.join()
        self.shared.stop()


@pytest.fixture
def served(session):
    served = Served(session)
    yield served
    served.stop()


def until(browser, condition):
    passing = [
        StaleElementReferenceException,
        NoAlertPresentException,
        NoSuchElementException,
        IndexError,
    ]
    return WebDriverWait(browser, 60, 0.1, passing).until(lambda _: condition())


def open_page(browser, served):
    browser.get(served.address)
    find = browser.find_element
    until(browser, lambda: find(By.CSS_SELECTOR, '#images li[aria-selected=true]'))
    until(browser, lambda: find(By.CSS_SELECTOR, '#format option'))  # the last step
    return find(By.ID, 'view')


def click_at(browser, view, x, y, key=None):
    """Click at shares of the canvas, after choosing a class by key."""
    if key:
        view.send_keys(key)
    box = view.size
    offset = int((x - 0.5) * box['width']), int((y - 0.5) * box['height'])
    ActionChains(browser).move_to_element_with_offset(view, *offset).click().perform()


def test_set_undo_redo_scribble_remove_and_reload(browser, served):
    view, session = open_page(browser, served), served.shared.session
    click_at(browser, view, 0.5, 0.5, '2')
    until(browser, lambda: len(session.clicks) == 1)
    x, y = session.clicks[0].points[0]
    assert abs(x - 32) < 1 and abs(y - 24) < 1 and session.clicks[0].name == 'square'
    view.send_keys('z')
    until(browser, lambda: not session.clicks)
    view.send_keys('y')
    until(browser, lambda: len(session.clicks) == 1)
    view.send_keys('1')
    chain = ActionChains(browser).move_to_element_with_offset(view, -100, 60)
    chain.click_and_hold().move_by_offset(60, 0).move_by_offset(60, 20).release().perform()
    until(browser, lambda: len(session.clicks) == 2)
    assert len(session.clicks[1].points) >= 3
    view.send_keys('n')
    click_at(browser, view, 0.4, 0.3, '2')
    until(browser, lambda: len(session.clicks) == 3)
    assert session.clicks[2].denied
    ActionChains(browser).move_to_element(view).context_click().perform()
    until(browser, lambda: len(session.clicks) == 2)
    browser.refresh()
    view = open_page(browser, served)
    count = '#images li[aria-selected=true] .count'
    until(browser, lambda: browser.find_element(By.CSS_SELECTOR, count).text == '2')
    noise = [e for e in browser.get_log('browser') if e['level'] == 'SEVERE']
    assert not noise


def test_keyboard_alone_suggestion_and_mask(browser, served):
    view, session = open_page(browser, served), served.shared.session
    view.send_keys('1', 'x')
    until(browser, lambda: len(session.clicks) == 1)
    view.send_keys('2', *[Keys.ARROW_LEFT] * 30, 'x')
    until(browser, lambda: len(session.clicks) == 2)
    assert session.clicks[1].points[0][0] < session.clicks[0].points[0][0]
    view.send_keys(' ')
    accept = browser.find_element(By.ID, 'accept')
    until(browser, accept.is_enabled)
    shown = '#images li[aria-selected=true]'
    image = browser.find_element(By.CSS_SELECTOR, shown).get_attribute('title')
    view.send_keys(Keys.ENTER)
    until(browser, lambda: len(session.clicks) == 3)
    reason = browser.find_element(By.ID, 'reason')
    until(browser, lambda: reason.text == 'set; Suggest shows the next place')
    assert session.clicks[2].image == image and not accept.is_enabled()
    assert browser.find_element(By.CSS_SELECTOR, shown).get_attribute('title') == image
    script = """const c = document.getElementById("view");
        const [r, g, b] = c.getContext("2d").getImageData(c.width / 2, 300, 1, 1).data;
        return [r, g, b];"""
    before = browser.execute_script(script)
    view.send_keys('m', 'm')  # the photograph alone
    until(browser, lambda: browser.execute_script(script) != before)


def test_the_page_says_what_enter_sets_and_hides_masks(browser, served):
    view, session = open_page(browser, served), served.shared.session
    message = browser.find_element(By.ID, 'message')
    until(browser, lambda: 'click on the photograph' in message.text)
    click_at(browser, view, 0.9, 0.75, '1')
    click_at(browser, view, 0.25, 0.5, '2')
    until(browser, lambda: len(session.clicks) == 2)
    view.send_keys(' ')
    answer = browser.find_element(By.ID, 'answer')
    until(browser, lambda: answer.text.startswith('Yes, '))
    view.send_keys('1')
    assert answer.text == 'Yes, grass'
    view.send_keys('2')
    assert answer.text == 'Yes, square'
    script = """const c = document.getElementById("view");
        return [...c.getContext("2d").getImageData(0, 0, c.width, c.height).data
            .filter((_, i) => i % 97 === 0)];"""
    masked = browser.execute_script(script)
    view.send_keys('h')
    photograph = browser.execute_script(script)
    view.send_keys('h')
    assert masked != photograph and browser.execute_script(script) == masked
    swatch = '#classes [aria-label="Hide the mask of {}"]'
    find = partial(browser.find_element, By.CSS_SELECTOR)
    until(browser, lambda: find(swatch.format('grass')).click() is None)
    until(browser, lambda: find(swatch.format('square')).click() is None)

    def painted():  # with the cross, which needs the focus
        view.send_keys('h', 'h')
        return browser.execute_script(script)

    until(browser, lambda: painted() == photograph)


def test_classes_are_added_renamed_and_shown_as_text(browser, served):
    open_page(browser, served)
    session = served.shared.session
    name = '<b id="injected">кот & "dog"</b>'
    field = browser.find_element(By.CSS_SELECTOR, '#new-class input')
    field.send_keys(name + Keys.ENTER)
    until(browser, lambda: session.classes[-1] == name)
    rows = '#classes .name'
    until(browser, lambda: name in browser.find_elements(By.CSS_SELECTOR, rows)[-1].text)
    assert not browser.find_elements(By.ID, 'injected')
    rename = '#classes [aria-label^=Rename]'
    until(browser, lambda: browser.find_element(By.CSS_SELECTOR, rename).click() is None)
    alert = until(browser, lambda: browser.switch_to.alert)
    alert.send_keys('lawn')
    alert.accept()
    until(browser, lambda: 'lawn' in session.classes)


def test_another_tab_follows(browser, served):
    open_page(browser, served)
    served.shared.operate('add_class', dict(name='from elsewhere'))
    rows = '#classes .name'
    until(
        browser,
        lambda: 'from elsewhere' in browser.find_elements(By.CSS_SELECTOR, rows)[-1].text,
    )


def test_train_says_what_it_does_and_ends_with_a_network(browser, served, monkeypatch):
    def short(run, session):
        lines = ['echo trained', f'touch {run.project}/training/iter_1.pth']
        (run.project / 'training').mkdir(parents=True)
        return ['sh', '-c', '; '.join(lines)]

    monkeypatch.setattr('mmseg_weak.live.training.TrainingRun._command', short)
    view, session = open_page(browser, served), served.shared.session
    click_at(browser, view, 0.9, 0.75, '1')
    click_at(browser, view, 0.25, 0.5, '2')
    until(browser, lambda: len(session.clicks) == 2)
    browser.find_element(By.ID, 'train').click()
    log = browser.find_element(By.ID, 'log')
    until(browser, lambda: log.text.startswith('finished'))
    assert 'labels from the live masks: 4 of 4 photographs' in log.text
    assert log.text.endswith('trained')


def test_import_export_and_a_kill(browser, served, photos, pyramid, tmp_path):
    open_page(browser, served)
    session = served.shared.session
    content = {'b.jpg': [{'x': 10, 'y': 10, 'class': 'tree'}]}
    (tmp_path / 'clicks.json').write_text(json.dumps(content))
    chooser = browser.find_element(By.ID, 'import')
    chooser.send_keys(str(tmp_path / 'clicks.json'))
    until(browser, lambda: 'tree' in session.classes and len(session.clicks) == 1)
    browser.find_element(By.ID, 'export').click()
    message, folder = browser.find_element(By.ID, 'message'), served.shared.export_to
    until(browser, lambda: message.text == f'written to {folder}')
    assert (folder / 'masks/b.png').is_file() and (folder / 'labels/b.png').is_file()
    # What a kill leaves behind is the journal as it is on the disk at this moment.
    copy = tmp_path / 'copy'
    copy.mkdir()
    shutil.copy(session.work_dir / 'session.jsonl', copy)
    opened = LiveSession(photos, (), copy, pyramid)
    assert opened.clicks == session.clicks and opened.classes == session.classes


def test_keys_where_something_has_the_focus(browser, served):
    """Sliders and check boxes keep their own keys; a button does not take the others."""
    view, session = open_page(browser, served), served.shared.session
    find = browser.find_element
    click_at(browser, view, 0.5, 0.5, '2')
    until(browser, lambda: len(session.clicks) == 1)
    until(browser, lambda: find(By.ID, 'undo').is_enabled())
    find(By.ID, 'undo').click()
    until(browser, lambda: not session.clicks)
    ActionChains(browser).send_keys('y').perform()  # the focus is still on the button
    until(browser, lambda: len(session.clicks) == 1)

    slider = find(By.ID, 'strength')
    browser.execute_script('arguments[0].focus()', slider)
    before = float(slider.get_property('value'))
    ActionChains(browser).send_keys(Keys.ARROW_RIGHT).perform()
    until(browser, lambda: float(slider.get_property('value')) > before)
    ActionChains(browser).send_keys('z').perform()
    until(browser, lambda: not session.clicks)

    box = find(By.ID, 'no')
    browser.execute_script('arguments[0].focus()', box)
    ActionChains(browser).send_keys(' ').perform()
    until(browser, box.is_selected)
    ActionChains(browser).send_keys('n').perform()
    until(browser, lambda: not box.is_selected())
