// State of the page: what the server knows, which image and class are chosen.

import { get, operate, picture } from './api.js';
import { setUpFiles } from './files.js';
import { drawClasses, drawQuality, ImageList } from './panels.js';
import { View } from './view.js';

const element = (id) => document.getElementById(id);
let state = { version: -1, classes: [], images: [], counts: {} };
let current = null;
let wanted = null;
let chosen = null;
let suggestion = null;
let lastOverlay = null;
const hidden = new Set(['background']); // classes whose mask is not painted
const BUSY = 'working …';

function say(text, error = false) {
  element('message').textContent = text;
  element('message').className = error ? 'error' : '';
}

// Do something, tell that it takes time, and tell what goes wrong.
const tell = (action) => async (...args) => {
  const shown = () => element('message').textContent;
  const timer = setTimeout(() => { if (!shown()) say(BUSY); }, 500);
  try { await action(...args); } catch (error) { say(error.message, true); }
  clearTimeout(timer);
  if (shown() === BUSY) say('');
};

const view = new View(element('view'), {
  draw: tell((line) => add(line.map(({ x, y }) => [x, y]))),
  erase: tell(async (point) => {
    const click = view.nearest(point);
    if (click) await act('remove', { number: click.id });
  }),
});
const images = new ImageList(element('images'), tell(open));

async function act(kind, values) {
  say('');
  await operate(kind, values);
  await refresh();
}

async function add(points, name = chosen, image = current) {
  if (!name) throw new Error('add a class first');
  const no = element('no').checked;
  if (image === current) { // seen at once, even while the server is busy
    view.clicks = [...view.clicks, { points, name, no }];
    view.paint();
  }
  try { await act('add', { image, points, name, no }); } catch (error) {
    await showClicks();
    throw error;
  }
}

async function refresh() {
  state = await get('state');
  if (!state.classes.some(({ name }) => name === chosen)) chosen = state.classes[0]?.name ?? null;
  images.names = state.images;
  images.counts = state.counts;
  images.draw();
  view.colours = new Map(state.classes.map(({ name, colour }) => [name, colour]));
  showClasses();
  element('undo').disabled = !state.can_undo;
  element('redo').disabled = !state.can_redo;
  showReady(state.ready);
  if (current === null && state.images.length) {
    await open(state.images[0]);
    if (!Object.keys(state.counts).length) say('click on the photograph where a class is; 1 to 9 choose it');
  }
  else await showClicks();
}

function showReady(count) {
  element('ready').value = count / Math.max(1, state.images.length);
  element('ready').hidden = count >= state.images.length;
}

async function open(name) {
  wanted = name;
  const [photo, facts] = await Promise.all([picture('photo', { name }), get('image', { name })]);
  if (wanted !== name) return; // another one was asked for meanwhile
  current = images.current = name;
  images.reveal();
  images.draw();
  if (suggestion?.image !== name) setSuggestion(null);
  view.clicks = facts.clicks;
  view.show(photo, facts);
  await showOverlay();
}

async function showClicks() {
  const name = current;
  const { clicks } = await get('image', { name });
  if (name !== current) return;
  view.clicks = clicks;
  view.paint();
  await showOverlay();
}

async function showOverlay() {
  const name = current;
  const kind = element('overlay').value;
  const hide = JSON.stringify([...hidden]);
  const overlay = kind ? await picture('overlay', { name, kind, hide }) : null;
  if (name !== current) return;
  if (overlay !== null) { lastOverlay = view.overlay; }
  view.overlay = overlay;
  view.paint();
}

function showClasses() {
  drawClasses(element('classes'), state.classes, chosen, hidden, { choose, hide, rename, merge });
  element('answer').textContent = suggestion && chosen ? `Yes, ${chosen}` : 'Yes';
}

function choose(name) {
  chosen = name;
  showClasses();
  element('view').focus();
}

const hide = tell(async (name) => {
  if (!hidden.delete(name)) hidden.add(name);
  showClasses();
  await showOverlay();
});

const rename = tell(async (name) => {
  const to = prompt('New name', name);
  if (to && to !== name) await act('rename_class', { name, to });
});

const merge = tell(async (name) => {
  const to = prompt(`Give the clicks of ${name} to the class`);
  if (to) await act('merge_classes', { name, to });
});

function setSuggestion(value) {
  suggestion = value;
  view.suggestion = value;
  element('accept').disabled = !value;
  element('reason').textContent = value?.text ?? '';
  showClasses();
  view.paint();
}

const suggest = tell(async () => {
  const place = await get('suggest');
  if (place.image !== current) await open(place.image);
  const likely = Object.entries(place.probs).sort((a, b) => b[1] - a[1]).slice(0, 3);
  const names = likely.map(([name, p]) => `${name} ${(100 * p).toFixed(0)} %`).join(', ');
  if (likely.length) choose(likely[0][0]);
  setSuggestion({ ...place, text: `${place.reason}${names ? `: ${names}` : ''}` });
});

// A click that the others contradict, ringed.
async function showDoubtful({ id, image }) {
  await open(image);
  setSuggestion(null);
  const [x, y] = view.clicks.find((click) => click.id === id)?.points[0] ?? [];
  view.suggestion = x === undefined ? null : { x, y };
  view.paint();
}

const accept = tell(async () => {
  if (!suggestion) return;
  const { image, x, y } = suggestion;
  setSuggestion(null);
  await add([[x, y]], chosen, image); // the next place may be in another photograph
  element('reason').textContent = 'set; Suggest shows the next place';
});

element('new-class').addEventListener('submit', tell(async (event) => {
  event.preventDefault();
  const field = event.target.elements.namedItem('name');
  const name = field.value.trim();
  await act('add_class', { name });
  field.value = '';
  choose(name);
}));
element('undo').addEventListener('click', tell(() => act('undo')));
element('redo').addEventListener('click', tell(() => act('redo')));
element('overlay').addEventListener('change', tell(showOverlay));
element('strength').addEventListener('input', (event) => {
  view.strength = Number(event.target.value);
  view.paint();
});
element('fit').addEventListener('click', () => view.fit());
element('suggest').addEventListener('click', suggest);
element('accept').addEventListener('click', accept);
element('filter').addEventListener('input', (event) => {
  images.filter = event.target.value;
  images.draw();
});
element('check').addEventListener('click', tell(async () => {
  drawQuality(element('quality'), await get('quality'), tell(showDoubtful));
}));
for (const [kind, swap] of [['pointerdown', true], ['pointerup', false], ['pointerleave', false]]) {
  element('before').addEventListener(kind, () => {
    if (swap && lastOverlay) view.kept = view.overlay;
    view.overlay = swap && lastOverlay ? lastOverlay : view.kept ?? view.overlay;
    if (!swap) view.kept = null;
    view.paint();
  });
}

const KEYS = {
  // Not through the buttons: they may still be grey when keys follow fast.
  z: tell(() => act('undo')),
  y: tell(() => act('redo')),
  n: () => element('no').click(),
  j: () => images.step(1),
  k: () => images.step(-1),
  x: tell(() => add([[view.cross.x, view.cross.y]])),
  h: () => { view.hidden = !view.hidden; view.paint(); },
  m: () => {
    const select = element('overlay');
    select.selectedIndex = (select.selectedIndex + 1) % select.options.length;
    showOverlay();
  },
  '+': () => view.zoom(1.25),
  '-': () => view.zoom(0.8),
  ' ': suggest,
  Enter: accept,
  Delete: () => view.actions.erase(view.cross),
  ArrowLeft: () => view.moveCross(-1, 0),
  ArrowRight: () => view.moveCross(1, 0),
  ArrowUp: () => view.moveCross(0, -1),
  ArrowDown: () => view.moveCross(0, 1),
};

// Keys that what has the focus needs for itself; all others work wherever the focus is.
const ARROWS = ['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown'];
const PRESS = [' ', 'Enter'];
const OWN_KEYS = { range: ARROWS, checkbox: [' '], file: PRESS, submit: PRESS, button: PRESS };

function ownsKey(element, key) {
  if (element.matches('select, [type=search], [name=name]')) return true;
  return (element.matches('summary') ? PRESS : OWN_KEYS[element.type] ?? []).includes(key);
}

document.addEventListener('keydown', (event) => {
  if (ownsKey(event.target, event.key)) return;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const number = Number(event.key);
  if (number >= 1 && state.classes[number - 1]) choose(state.classes[number - 1].name);
  else if (KEYS[event.key]) KEYS[event.key]();
  else return;
  event.preventDefault();
});

// Another page or person may have changed something.
async function listen() {
  const lost = 'no connection to mmseg-weak annotate; every click so far is kept';
  for (let told = ''; ;) {
    try {
      const news = await get('news', { since: state.version });
      if (news.version !== state.version) await refresh();
      else showReady(news.ready);
      if (told && element('message').textContent === told) say('');
      told = '';
    } catch (error) { // fetch itself raises a TypeError where nobody answers
      told = error instanceof TypeError ? lost : error.message;
      say(told, true);
      await new Promise((done) => setTimeout(done, 3000));
    }
  }
}

await tell(refresh)();
await tell(setUpFiles)({ say, tell, refresh });
listen();
