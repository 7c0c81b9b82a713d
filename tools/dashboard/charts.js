// Curves as SVG, with a readout under the pointer.
'use strict';

// ---- charts ----

const SERIES = [['loss', 'Training loss'], ['ndcg', 'Validation NDCG@10'], ['batch_size', 'Batch size'], ['h', 'H'], ['c1', 'c1'], ['c2', 'c2']];
const WIDEST = 560, HEIGHT = 260, LEFT = 58, RIGHT = 12, TOP = 10, BOTTOM = 30;
const NOISY = 100;  // Points from which a loss is drawn faint, with its moving average on it.

function ticks(low, high, count) {
  const rough = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((digit) => digit * power).find((size) => size >= rough);
  const all = [];
  for (let at = Math.ceil(low / step) * step; at <= high + step * 1e-9; at += step) all.push(Number(at.toPrecision(12)));
  return all;
}

function scaleOf(values, from, to, logarithmic) {
  let low = Math.min(...values), high = Math.max(...values);
  if (low === high) { const pad = Math.abs(low) / 10 || 1; low -= logarithmic ? 0 : pad; high += pad; }
  const turn = logarithmic ? Math.log10 : (value) => value;
  const place = (value) => from + (turn(value) - turn(low)) / (turn(high) - turn(low)) * (to - from);
  const marks = logarithmic ? ticks(Math.log10(low), Math.log10(high), 4).filter(Number.isInteger).map((power) => 10 ** power) : ticks(low, high, 5);
  return { place, marks, low, high, from, to };
}

function smooth(points) {
  const reach = Math.max(2, Math.round(points.length / 60));
  return points.map(([x], i) => {
    const near = points.slice(Math.max(0, i - reach), i + reach + 1);
    return [x, near.reduce((sum, point) => sum + point[1], 0) / near.length];
  });
}

const styleOf = (index) => `curve c${index % 7} d${index % 5}`;

// Shows the values at an epoch, in words and with the cursor.
function readChart(box, value) {
  const { lines, x } = box.reading, cursor = box.querySelector('.cursor');
  const at = box.reading.at = Math.max(x.low, Math.min(x.high, value));
  for (const end of ['x1', 'x2']) cursor.setAttribute(end, x.place(at));
  cursor.setAttribute('visibility', 'visible');
  const parts = lines.map((line) => {
    const near = line.points.reduce((best, point) => (Math.abs(point[0] - at) < Math.abs(best[0] - at) ? point : best));
    return `${lines.length > 1 ? `${line.label}: ` : ''}${short(near[1])}`;
  });
  box.querySelector('.readout').textContent = `epoch ${short(at)}: ${parts.join('; ')}`;
}

// lines: [{label, style, points: [[x, y], ...]}]
function chart(title, lines, noisy) {
  const WIDTH = Math.min(WIDEST, byId('main').clientWidth - 26);
  const xs = lines.flatMap((line) => line.points.map((point) => point[0]));
  const ys = lines.flatMap((line) => line.points.map((point) => point[1]));
  const least = Math.min(...ys);
  const logarithmic = least > 0 && Math.max(...ys) > 50 * least;
  const x = scaleOf(xs, LEFT, WIDTH - RIGHT, false);
  const y = scaleOf(ys, HEIGHT - BOTTOM, TOP, logarithmic);
  const picture = svg('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', tabindex: 0, 'aria-label': `${title} over epochs` });
  for (const mark of y.marks) {
    picture.append(svg('line', { class: 'rule', x1: LEFT, x2: WIDTH - RIGHT, y1: y.place(mark), y2: y.place(mark) }),
      svg('text', { x: LEFT - 6, y: y.place(mark) + 4, 'text-anchor': 'end' }, short(mark)));
  }
  for (const mark of x.marks) picture.append(svg('text', { x: x.place(mark), y: HEIGHT - 12, 'text-anchor': 'middle' }, short(mark)));
  picture.append(svg('path', { class: 'axis', d: `M${LEFT},${TOP}V${HEIGHT - BOTTOM}H${WIDTH - RIGHT}` }));
  const pathOf = (points) => points.map(([a, b], i) => `${i ? 'L' : 'M'}${x.place(a).toFixed(1)},${y.place(b).toFixed(1)}`).join('') + (points.length === 1 ? 'h2' : '');
  for (const line of lines) {
    const faint = noisy && line.points.length > NOISY;
    if (faint) picture.append(svg('path', { class: `${styleOf(line.style)} raw`, d: pathOf(line.points) }));
    picture.append(svg('path', { class: styleOf(line.style), d: pathOf(faint ? smooth(line.points) : line.points) }));
  }
  picture.append(svg('line', { class: 'cursor', y1: TOP, y2: HEIGHT - BOTTOM, visibility: 'hidden' }));
  const readout = el('div', { class: 'readout', role: 'status' });
  const box = el('div', { class: 'chart', 'data-series': title }, el('h3', {}, logarithmic ? `${title} (logarithmic)` : title), picture, readout);
  box.reading = { lines, x, at: null };
  picture.addEventListener('pointermove', (event) => {
    const { x: now } = box.reading, place = picture.getBoundingClientRect();
    const pixels = (event.clientX - place.left) * picture.viewBox.baseVal.width / place.width;
    readChart(box, now.low + (pixels - now.from) / (now.to - now.from) * (now.high - now.low));
  });
  picture.addEventListener('keydown', (event) => {
    const direction = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!direction) return;
    event.preventDefault();
    const { x: now, at } = box.reading;
    readChart(box, (at ?? now.high) + direction * (now.high - now.low) / 50);
  });
  return box;
}

function charts(curves, runs) {
  const box = el('div', { class: 'charts' });
  for (const [key, title] of SERIES) {
    const lines = runs.map((run, style) => ({ label: nameOf(run), style, points: (curves[run.id] || {})[key] || [] })).filter((line) => line.points.length);
    if (lines.length) box.append(chart(title, lines, key === 'loss'));
  }
  return box.children.length ? box : el('p', { class: 'faint' }, 'No curves yet: they come with the first epoch.');
}
