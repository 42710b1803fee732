// Lists beside the photograph. Names are set as text, never as markup.

const ROW = 26;

// Only the visible rows exist, so thousands of images scroll without waiting.
export class ImageList {
  constructor(element, choose) {
    this.element = element;
    this.choose = choose;
    this.names = [];
    this.counts = {};
    this.filter = '';
    this.current = null;
    element.addEventListener('scroll', () => this.draw());
    new ResizeObserver(() => this.draw()).observe(element);
  }

  shown() {
    if (!this.filter) return this.names;
    const word = this.filter.toLowerCase();
    return this.names.filter((name) => name.toLowerCase().includes(word));
  }

  step(by) {
    const names = this.shown();
    const next = names[names.indexOf(this.current) + by];
    if (next !== undefined) this.choose(next);
  }

  reveal() {
    const top = this.shown().indexOf(this.current) * ROW;
    const { scrollTop, clientHeight } = this.element;
    if (top < scrollTop || top + ROW > scrollTop + clientHeight) {
      this.element.scrollTop = top - clientHeight / 2;
    }
  }

  draw() {
    const names = this.shown();
    const { scrollTop, clientHeight } = this.element;
    const first = Math.max(0, Math.floor(scrollTop / ROW) - 5);
    const last = Math.min(names.length, Math.ceil((scrollTop + clientHeight) / ROW) + 5);
    const rows = names.slice(first, last).map((name, i) => this.row(name, first + i));
    const end = document.createElement('li');
    end.style.cssText = `top:${names.length * ROW - 1}px;height:1px;padding:0`;
    this.element.replaceChildren(...rows, end);
  }

  row(name, index) {
    const row = document.createElement('li');
    row.style.top = `${index * ROW}px`;
    row.setAttribute('role', 'option');
    row.setAttribute('aria-selected', name === this.current);
    row.title = name;
    const count = document.createElement('span');
    count.className = 'count';
    count.textContent = this.counts[name] ?? '';
    const text = document.createElement('bdi');
    text.textContent = name;
    row.append(count, text);
    row.addEventListener('click', () => this.choose(name));
    return row;
  }
}

export function drawClasses(list, classes, current, hidden, actions) {
  list.replaceChildren(...classes.map(({ name, colour }, i) => {
    const row = document.createElement('li');
    row.setAttribute('aria-current', name === current);
    const seen = !hidden.has(name);
    const swatch = small('', `${seen ? 'Hide' : 'Show'} the mask of ${name}`, () => actions.hide(name));
    swatch.className = 'swatch';
    swatch.style.background = seen ? colour : 'none';
    swatch.style.borderColor = colour;
    const button = document.createElement('button');
    button.className = 'name';
    button.textContent = `${i < 9 ? `${i + 1}  ` : ''}${name}`;
    button.addEventListener('click', () => actions.choose(name));
    const rename = small('✎', `Rename ${name}`, () => actions.rename(name));
    const merge = small('⇢', `Merge ${name} into another`, () => actions.merge(name));
    row.append(swatch, button, rename, merge);
    return row;
  }));
}

function small(sign, label, act) {
  const button = document.createElement('button');
  button.textContent = sign;
  button.title = label;
  button.setAttribute('aria-label', label);
  button.addEventListener('click', act);
  return button;
}

const percent = (value) => (value === null ? '–' : `${value.toFixed(0)} %`);

export function drawQuality(element, quality, open) {
  const table = document.createElement('table');
  const line = (...cells) => {
    const row = table.insertRow();
    for (const cell of cells) row.insertCell().textContent = cell;
  };
  const [low, high] = quality.interval;
  line('click-mIoU', `${percent(quality.miou)} (${percent(low)} to ${percent(high)})`);
  line('right', percent(quality.accuracy));
  for (const [name, value] of Object.entries(quality.iou)) line(name, percent(value));
  const doubtful = quality.suspicious.map(({ id, image }) => {
    const button = document.createElement('button');
    button.textContent = `click ${id}: ${image}`;
    button.addEventListener('click', () => open({ id, image }));
    return button;
  });
  const caution = document.createElement('p');
  caution.textContent =
    'Measured on your clicks. Clicks set where masks were wrong, or where Suggest asked, are ' +
    'harder than most places: the masks are then better than these numbers.';
  const title = document.createElement('p');
  title.textContent = doubtful.length ? 'Clicks that the others contradict:' : '';
  element.replaceChildren(table, caution, title, ...doubtful);
}
