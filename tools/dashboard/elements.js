// Elements of the page, how they are brought up to date, and texts.
'use strict';

// ---- elements ----

function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(props)) {
    if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
    else if (value === true) node.setAttribute(key, '');
    else if (value !== false && value != null) node.setAttribute(key, value);
  }
  node.append(...children.filter((child) => child != null));
  return node;
}

function svg(tag, props = {}, ...children) {
  const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [key, value] of Object.entries(props)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

const byId = (id) => document.getElementById(id);

// What an element stands for, among its siblings: only alike ones are made into each other.
function kindOf(node) {
  if (node.nodeType !== Node.ELEMENT_NODE) return node.nodeName;
  return `${node.nodeName} ${node.dataset.run || node.dataset.series || (node.getAttribute('class') || '').split(' ')[0]}`;
}

// Makes `old` look like `fresh`, and touches only what differs: whoever scrolls, reads a curve, selects
// text or has the focus there is not disturbed.
function patch(old, fresh) {
  if (old.nodeType !== Node.ELEMENT_NODE) { if (old.data !== fresh.data) old.data = fresh.data; return; }
  if (fresh.reading) {
    if (old.reading.at != null) readChart(fresh, old.reading.at);
    old.reading = fresh.reading;
  }
  if (old.isEqualNode(fresh)) return;
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) {
    if (name === 'style') old.style.cssText = value;  // The policy forbids the attribute.
    else if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  if (old.type === 'checkbox') old.checked = fresh.checked;
  patchChildren(old, [...fresh.childNodes]);
}

// Elements that go or come between others move none of those.
function patchChildren(parent, fresh) {
  const spare = new Map();
  for (const node of parent.childNodes) {
    const kind = kindOf(node);
    if (!spare.has(kind)) spare.set(kind, []);
    spare.get(kind).push(node);
  }
  for (const nodes of spare.values()) nodes.reverse();  // The first is taken off the end.
  const nodes = fresh.map((node) => {
    const old = spare.get(kindOf(node))?.pop();
    if (old) patch(old, node);
    return old || node;
  });
  for (const rest of spare.values()) for (const node of rest) node.remove();
  let place = parent.firstChild;
  for (const node of nodes) {
    if (node === place) place = place.nextSibling; else parent.insertBefore(node, place);
  }
}

// ---- texts ----

function duration(seconds) {
  if (seconds == null) return '';
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}
const metric = (value) => (value == null ? '–' : value.toFixed(4));
const short = (value) => (value == null ? '–' : String(Number(value.toPrecision(4))));
const timeOf = (ms) => new Date(ms).toLocaleString();
// The settings in a model's name tell its optimizer where rows differ in it.
const nameOf = (run) => `${run.model} on ${run.dataset}, ${run.model.includes(run.optimizer) ? '' : `${run.optimizer}, `}seed ${run.seed}`;

function stateText(run) {
  const progress = run.progress;
  if (run.status !== 'running' || !progress) return run.status;
  const percent = progress.fraction == null ? '' : ` ${Math.round(100 * progress.fraction)} %`;
  const left = progress.seconds_left == null ? '' : `, ${duration(progress.seconds_left)} to go`;
  return `${progress.phase}${percent}${left}`;
}
