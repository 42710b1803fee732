// The photograph with mask, clicks and cross; zoom, pan and drawing.

const CLICK_RADIUS = 6;

export class View {
  constructor(canvas, actions) {
    this.canvas = canvas;
    this.actions = actions; // draw(points), erase(point)
    this.photo = this.overlay = this.suggestion = null;
    this.width = this.height = 1;
    this.clicks = [];
    this.colours = new Map();
    this.strength = 0.5;
    this.hidden = false; // the overlay, by a key
    this.cross = { x: 0, y: 0 };
    this.line = null;
    this.fit();
    new ResizeObserver(() => this.fit()).observe(canvas);
    canvas.addEventListener('pointerdown', (event) => this.press(event));
    canvas.addEventListener('pointermove', (event) => this.move(event));
    canvas.addEventListener('pointerup', (event) => this.release(event));
    canvas.addEventListener('wheel', (event) => this.wheel(event), { passive: false });
    canvas.addEventListener('contextmenu', (event) => event.preventDefault());
  }

  // Scale and offset at which the whole image is seen.
  fit() {
    const ratio = window.devicePixelRatio || 1;
    const { clientWidth, clientHeight } = this.canvas;
    this.canvas.width = clientWidth * ratio;
    this.canvas.height = clientHeight * ratio;
    this.ratio = ratio;
    this.scale = Math.min(clientWidth / this.width, clientHeight / this.height) || 1;
    this.left = (clientWidth - this.width * this.scale) / 2;
    this.top = (clientHeight - this.height * this.scale) / 2;
    this.paint();
  }

  show(photo, { width, height }) {
    const same = width === this.width && height === this.height;
    Object.assign(this, { photo, width, height, overlay: null });
    this.cross = { x: width / 2, y: height / 2 };
    if (same) this.paint(); else this.fit();
  }

  place(event) {
    const box = this.canvas.getBoundingClientRect();
    return {
      x: (event.clientX - box.left - this.left) / this.scale,
      y: (event.clientY - box.top - this.top) / this.scale,
    };
  }

  inside({ x, y }) {
    return x >= 0 && y >= 0 && x < this.width && y < this.height;
  }

  press(event) {
    this.canvas.focus();
    const point = this.place(event);
    if (event.button === 2) { this.actions.erase(point); return; }
    this.canvas.setPointerCapture(event.pointerId);
    if (event.shiftKey || event.button === 1) this.grip = { x: event.clientX, y: event.clientY };
    else if (this.inside(point)) this.line = [point];
  }

  move(event) {
    if (this.grip) {
      this.left += event.clientX - this.grip.x;
      this.top += event.clientY - this.grip.y;
      this.grip = { x: event.clientX, y: event.clientY };
    } else if (this.line) {
      const point = this.place(event);
      const last = this.line.at(-1);
      const far = Math.hypot(point.x - last.x, point.y - last.y) * this.scale > 4;
      if (far && this.inside(point)) this.line.push(point);
    } else return;
    this.paint();
  }

  release() {
    if (this.line) this.actions.draw(this.line);
    this.line = this.grip = null;
    this.paint();
  }

  wheel(event) {
    event.preventDefault();
    this.zoom(Math.exp(-event.deltaY / 400), this.place(event));
  }

  zoom(factor, point = this.cross) {
    const scale = Math.min(60, Math.max(0.02, this.scale * factor));
    this.left += point.x * (this.scale - scale);
    this.top += point.y * (this.scale - scale);
    this.scale = scale;
    this.paint();
  }

  // Nearest click on the screen within reach of a point.
  nearest(point, reach = 14) {
    let best = null;
    for (const click of this.clicks) {
      for (const [x, y] of click.points) {
        const distance = Math.hypot(x - point.x, y - point.y) * this.scale;
        if (distance < reach) { reach = distance; best = click; }
      }
    }
    return best;
  }

  moveCross(x, y) {
    const step = Math.max(1, 8 / this.scale);
    this.cross.x = Math.min(this.width - 0.5, Math.max(0.5, this.cross.x + x * step));
    this.cross.y = Math.min(this.height - 0.5, Math.max(0.5, this.cross.y + y * step));
    this.paint();
  }

  paint() {
    const context = this.canvas.getContext('2d');
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    if (!this.photo) return;
    const box = [this.left, this.top, this.width * this.scale, this.height * this.scale];
    context.imageSmoothingEnabled = this.scale < 4;
    context.drawImage(this.photo, ...box);
    if (this.overlay && !this.hidden) {
      context.globalAlpha = this.strength;
      context.drawImage(this.overlay, ...box);
      context.globalAlpha = 1;
    }
    for (const click of this.clicks) this.paintClick(context, click);
    if (this.line) this.stroke(context, this.line.map(({ x, y }) => [x, y]), '#fff');
    if (this.suggestion) this.ring(context, this.suggestion, 14, '#ff0');
    if (document.activeElement === this.canvas) this.paintCross(context);
  }

  screen(x, y) {
    return [this.left + x * this.scale, this.top + y * this.scale];
  }

  paintClick(context, click) {
    const colour = this.colours.get(click.name) ?? '#fff';
    if (click.points.length > 1) { this.stroke(context, click.points, colour, click.no); return; }
    const [x, y] = this.screen(...click.points[0]);
    context.beginPath();
    context.arc(x, y, CLICK_RADIUS, 0, 7);
    context.fillStyle = click.no ? 'transparent' : colour;
    context.fill();
    context.lineWidth = 2;
    context.strokeStyle = click.no ? colour : '#fff';
    context.stroke();
    if (!click.no) return;
    context.beginPath();
    context.moveTo(x - 4, y - 4);
    context.lineTo(x + 4, y + 4);
    context.stroke();
  }

  // What says "not this class" is dashed.
  stroke(context, points, colour, no = false) {
    context.setLineDash(no ? [8, 8] : []);
    context.beginPath();
    for (const [x, y] of points) context.lineTo(...this.screen(x, y));
    context.lineWidth = 5;
    context.strokeStyle = '#fff';
    context.stroke();
    context.lineWidth = 3;
    context.strokeStyle = colour;
    context.stroke();
    context.setLineDash([]);
  }

  ring(context, { x, y }, radius, colour) {
    context.beginPath();
    context.arc(...this.screen(x, y), radius, 0, 7);
    context.lineWidth = 3;
    context.strokeStyle = colour;
    context.stroke();
  }

  paintCross(context) {
    const [x, y] = this.screen(this.cross.x, this.cross.y);
    context.beginPath();
    context.moveTo(x - 9, y); context.lineTo(x + 9, y);
    context.moveTo(x, y - 9); context.lineTo(x, y + 9);
    context.lineWidth = 1;
    context.strokeStyle = '#fff';
    context.stroke();
  }
}
