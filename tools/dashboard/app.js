// The dashboard's page. Whatever comes from the database becomes a text node or an attribute value,
// never HTML. One poll of the overview every two seconds; a view is made anew when its data changed, and
// what differs from the page is put there.
'use strict';

const POLL_MS = 2000;
const SYMBOLS = { done: '✓', running: '▸', pending: '·', failed: '✗', cancelled: '–' };
const state = { overview: null, overviewText: '', view: '', chosen: new Set(), filter: '', status: '', sort: null, here: '', drawn: '', unfinished: false };

// ---- data ----

async function fetchText(path) {
  const response = await fetch(path, { cache: 'no-cache', credentials: 'same-origin' });
  const text = await response.text();
  if (!response.ok) {
    let reason = text;
    try { reason = JSON.parse(text).error; } catch { /* not ours */ }
    throw new Error(reason || response.statusText);
  }
  return text;
}
const fetchJson = async (path) => JSON.parse(await fetchText(path));

function tell(problem) {
  byId('problem').hidden = !problem;
  byId('problem').textContent = problem || '';
}

async function poll() {
  if (!document.hidden) {
    try {
      const text = await fetchText('/api/overview');
      if (text !== state.overviewText) {
        state.overviewText = text;
        state.overview = JSON.parse(text);
        byId('name').textContent = state.overview.name;
        byId('live').textContent = state.overview.coordinator_alive ? 'a coordinator is at work' : 'nobody is at work';
        byId('live').classList.toggle('alive', state.overview.coordinator_alive);
      }
      await show();
      tell('');
    } catch (error) {
      tell(error instanceof TypeError ? 'The dashboard does not answer; is it still running?' : error.message);
    }
  }
  setTimeout(poll, POLL_MS);
}

// ---- views ----

function sweepHead(sweep) {
  const kinds = ['done', 'running', 'failed', 'cancelled', 'pending'];
  const total = kinds.reduce((sum, kind) => sum + sweep[kind], 0);
  const bar = el('div', { class: 'bar', role: 'img', 'aria-label': `${sweep.done} of ${total} runs done` });
  for (const kind of kinds.slice(0, 4)) {
    const part = el('span', { class: kind });
    part.style.width = `${100 * sweep[kind] / (total || 1)}%`;
    bar.append(part);
  }
  const counts = kinds.filter((kind) => sweep[kind]).map((kind) => `${sweep[kind]} ${kind}`).join(', ');
  const left = sweep.seconds_left == null ? '' : `; ${duration(sweep.seconds_left)} to go`;
  return [el('h2', {}, sweep.name), bar, el('p', { class: 'faint' }, `${total} runs: ${counts}${left}`)];
}

function grid(runs) {
  const rows = new Map();
  for (const run of runs) {
    const key = `${run.family} on ${run.dataset}`;
    if (!rows.has(key)) rows.set(key, []);
    rows.get(key).push(run);
  }
  const box = el('div', { class: 'grid' });
  for (const [key, members] of rows) {
    const cells = el('div', { class: 'cells' });
    for (const run of members) {
      const text = `${nameOf(run)}: ${stateText(run)}`;
      cells.append(el('a', { class: `cell ${run.status}`, href: `#/run/${encodeURIComponent(run.id)}`, title: text, 'aria-label': text }, SYMBOLS[run.status] || '?'));
    }
    box.append(el('span', {}, key), cells);
  }
  return box;
}

const COLUMNS = [['Model', 'model', 'name'], ['Data set', 'dataset', 'set optional'], ['Optimizer', 'optimizer', 'optional'], ['Seed', 'seed', 'n'], ['State', 'status'],
  ['HT@10', 'hit_10', 'n optional'], ['NDCG@10', 'ndcg_10', 'n'], ['MRR@10', 'mrr_10', 'n optional'], ['Latency (ms)', 'latency_ms', 'n optional'], ['Training', 'train_s', 'n optional']];

function shownRuns() {
  const words = state.filter.toLowerCase().split(/\s+/).filter(Boolean);
  const runs = state.overview.runs.filter((run) => {
    const text = `${run.id} ${run.model} ${run.dataset} ${run.optimizer} ${run.seed} ${run.status} ${run.sweep}`.toLowerCase();
    return (!state.status || run.status === state.status) && words.every((word) => text.includes(word));
  });
  if (!state.sort) return runs;
  const { key, down } = state.sort;
  const order = (a, b) => {
    if (a[key] == null || b[key] == null) return (a[key] == null) - (b[key] == null);
    const sign = typeof a[key] === 'number' ? a[key] - b[key] : String(a[key]).localeCompare(String(b[key]));
    return down ? -sign : sign;
  };
  return runs.sort(order);
}

function runRow(run) {
  const box = el('input', { type: 'checkbox', 'aria-label': `choose ${nameOf(run)}`, checked: state.chosen.has(run.id), onchange: () => choose(run.id) });
  const cells = [run.model, run.dataset, run.optimizer, run.seed, null, metric(run.hit_10), metric(run.ndcg_10), metric(run.mrr_10), short(run.latency_ms),
    run.status === 'done' ? duration(run.train_s) : ''].map((text, i) => {
    if (i === 0) return el('td', { class: 'name' }, el('a', { href: `#/run/${encodeURIComponent(run.id)}` }, text), el('span', { class: 'narrow faint' }, ` on ${run.dataset}`));
    if (i === 4) return el('td', { class: `state ${run.status}`, title: run.error }, `${SYMBOLS[run.status] || '?'}\u00a0${stateText(run)}`);
    return el('td', { class: COLUMNS[i][2] }, String(text));
  });
  return el('tr', { 'data-run': run.id, class: state.here === run.id ? 'here' : null }, el('td', {}, box), ...cells);
}

function runTable() {
  const head = COLUMNS.map(([title, key, kind]) => {
    const sorted = state.sort && state.sort.key === key ? (state.sort.down ? 'descending' : 'ascending') : null;
    return el('th', { class: kind, 'aria-sort': sorted }, el('button', { type: 'button', onclick: () => sortBy(key) }, title + (sorted ? (state.sort.down ? ' ↓' : ' ↑') : '')));
  });
  const runs = shownRuns();
  return [el('div', { class: 'wide' }, el('table', { id: 'runs' }, el('thead', {}, el('tr', {}, el('th', {}), ...head)), el('tbody', {}, ...runs.map(runRow)))),
    el('p', { class: 'faint' }, `${runs.length} of ${state.overview.runs.length} runs`)];
}

function redrawTable() {
  patchChildren(byId('run-table'), runTable());
  byId('compare').disabled = state.chosen.size < 2;
  byId('compare').textContent = `Compare ${state.chosen.size} chosen`;
}
function sortBy(key) {
  const down = state.sort && state.sort.key === key ? !state.sort.down : typeof (state.overview.runs[0] || {})[key] === 'number';
  state.sort = { key, down };
  redrawTable();
}
function choose(id) {
  if (!state.chosen.delete(id)) state.chosen.add(id);
  redrawTable();
}
function compare() {
  if (state.chosen.size > 1) location.hash = `#/compare/${[...state.chosen].map(encodeURIComponent).join(',')}`;
}

function sweepView() {
  const { overview } = state;
  if (!overview.sweeps.length) return [el('p', {}, 'No sweep was started on this database yet.')];
  const filter = el('input', { id: 'filter', type: 'search', placeholder: 'Filter: model, data set, state, id ( / )', 'aria-label': 'Filter the runs', value: state.filter });
  filter.addEventListener('input', () => { state.filter = filter.value; redrawTable(); });
  const status = el('select', { 'aria-label': 'State' }, ...['', ...Object.keys(SYMBOLS)].map((kind) => el('option', { value: kind, selected: kind === state.status }, kind || 'every state')));
  status.addEventListener('change', () => { state.status = status.value; redrawTable(); });
  const button = el('button', { id: 'compare', type: 'button', disabled: state.chosen.size < 2, onclick: compare }, `Compare ${state.chosen.size} chosen`);
  return [...overview.sweeps.flatMap((sweep) => [...sweepHead(sweep), grid(overview.runs.filter((run) => run.sweep === sweep.name))]),
    el('h2', {}, 'Runs'), el('div', { class: 'tools' }, filter, status, button), el('div', { id: 'run-table' }, ...runTable())];
}

const facts = (pairs) => el('dl', { class: 'facts' }, ...pairs.filter(([, value]) => value !== '' && value != null).flatMap(([key, value]) => [el('dt', {}, key), el('dd', {}, String(value))]));
const logTable = (rows) => el('div', { class: 'wide' }, el('table', { class: 'log' }, el('tbody', {}, ...rows.map((cells) => el('tr', {}, ...cells.map((text) => el('td', {}, text)))))));

async function runView(id) {
  const run = state.overview.runs.find((one) => one.id === id);
  const [detail, curves] = await Promise.all([fetchJson(`/api/run/${encodeURIComponent(id)}`), fetchJson(`/api/curves?runs=${encodeURIComponent(id)}`)]);
  const latency = run.latency_ms == null ? '' : `${short(run.latency_ms)} ms [${short(detail.latency_low_ms)}, ${short(detail.latency_high_ms)}]`;
  const attempts = detail.attempts.map((attempt) => [`attempt ${attempt.number}`, timeOf(attempt.start_ms), attempt.end_ms == null ? 'running' : timeOf(attempt.end_ms), attempt.host, attempt.cause, attempt.text]);
  const events = detail.events.map((event) => [timeOf(event.time_ms), event.kind, event.text]);
  return [el('h2', {}, nameOf(run)),
    el('p', { class: `state ${run.status}` }, `${SYMBOLS[run.status] || '?'} ${stateText(run)}`),
    run.error ? el('p', { class: 'error' }, run.error) : null,
    facts([['Run', id], ['Sweep', run.sweep], ['HT@10', run.hit_10 == null ? '' : metric(run.hit_10)], ['NDCG@10', run.ndcg_10 == null ? '' : metric(run.ndcg_10)],
      ['MRR@10', run.mrr_10 == null ? '' : metric(run.mrr_10)], ['Latency', latency], ['Parameters', run.params || ''], ['Epochs', run.epochs || ''],
      ['Training', run.status === 'done' ? duration(run.train_s) : ''], ['Device', detail.device], ['Commit', detail.git_commit]]),
    charts(curves, [run]),
    el('h2', {}, 'Attempts'), logTable(attempts), el('h2', {}, 'Log'), events.length ? logTable(events) : el('p', { class: 'faint' }, 'Nothing of note.'),
    el('h2', {}, 'Config'), el('pre', { tabindex: 0 }, JSON.stringify(detail.config, null, 2)),
    el('h2', {}, 'Environment'), el('pre', { tabindex: 0 }, JSON.stringify(detail.environment, null, 2)),
    detail.artifacts.length ? el('h2', {}, 'Files') : null,
    detail.artifacts.length ? logTable(detail.artifacts.map((file) => [file.kind, file.path, `${file.bytes} bytes`])) : null].filter(Boolean);
}

function flatten(value, prefix, out) {
  for (const [key, inner] of Object.entries(value)) {
    if (inner && typeof inner === 'object' && !Array.isArray(inner)) flatten(inner, `${prefix}${key}.`, out);
    else out[prefix + key] = typeof inner === 'string' ? inner : JSON.stringify(inner);
  }
  return out;
}

async function compareView(ids) {
  const runs = ids.map((id) => state.overview.runs.find((run) => run.id === id)).filter(Boolean);
  const [curves, details] = await Promise.all([fetchJson(`/api/curves?runs=${ids.map(encodeURIComponent).join(',')}`), Promise.all(ids.map((id) => fetchJson(`/api/run/${encodeURIComponent(id)}`)))]);
  const configs = details.map((detail) => flatten(detail.config, '', {}));
  const keys = [...new Set(configs.flatMap(Object.keys))].sort().filter((key) => new Set(configs.map((config) => config[key])).size > 1);
  const legend = el('ul', { class: 'legend' }, ...runs.map((run, i) => el('li', {}, svg('svg', { viewBox: '0 0 32 8' }, svg('path', { class: styleOf(i), d: 'M0,4H32', fill: 'none', 'stroke-width': 2 })), el('a', { href: `#/run/${encodeURIComponent(run.id)}` }, nameOf(run)))));
  const head = el('tr', {}, el('th', {}), ...runs.map((run) => el('th', { class: 'n' }, run.id.slice(0, 8))));
  const row = (name, cells) => el('tr', {}, el('th', { scope: 'row' }, name), ...cells.map((text) => el('td', { class: 'n' }, text)));
  const body = [row('State', runs.map((run) => run.status)), row('HT@10', runs.map((run) => metric(run.hit_10))), row('NDCG@10', runs.map((run) => metric(run.ndcg_10))),
    row('MRR@10', runs.map((run) => metric(run.mrr_10))), row('Latency (ms)', runs.map((run) => short(run.latency_ms))), row('Training', runs.map((run) => duration(run.train_s))),
    ...keys.map((key) => row(key, configs.map((config) => config[key] ?? '–')))];
  return [el('h2', {}, `${runs.length} runs`), legend, charts(curves, runs), el('h2', {}, 'Results, and settings that differ'), el('div', { class: 'wide' }, el('table', {}, el('thead', {}, head), el('tbody', {}, ...body)))];
}

async function tablesView() {
  const tables = await fetchJson('/api/tables');
  state.unfinished = tables.some((table) => table.under_way);
  return tables.flatMap((table) => [el('h2', {}, table.title),
    el('div', { class: 'wide' }, el('table', {}, el('thead', {}, el('tr', {}, ...table.columns.map((column) => el('th', { class: column.numbers ? 'n' : null }, column.name)))),
      el('tbody', {}, ...table.rows.map((cells) => el('tr', {}, ...cells.map((cell, i) => el('td', { class: table.columns[i].numbers ? 'n' : null },
        cell.best ? el('strong', {}, cell.text) : cell.text || '–', cell.mark ? el('sup', {}, cell.mark) : null, cell.spread ? el('span', { class: 'faint' }, ` ${cell.spread}`) : null))))))),
    el('ul', { class: 'faint' }, ...table.notes.map((note) => el('li', {}, note)))]);
}

async function eventsView() {
  const events = await fetchJson('/api/events');
  if (!events.length) return [el('p', { class: 'faint' }, 'Nothing has happened yet.')];
  return [el('h2', {}, 'Events, the latest first'), logTable(events.reverse().map((event) => [timeOf(event.time_ms), event.kind,
    event.run ? el('a', { href: `#/run/${encodeURIComponent(event.run)}` }, event.run.slice(0, 12)) : '', event.text]))];
}

// ---- what is shown ----

async function viewOf(path) {
  const [view, rest = ''] = path;
  if (view === 'run') {
    const id = decodeURIComponent(rest);
    if (!state.overview.runs.some((run) => run.id === id)) return [el('p', {}, 'There is no such run.')];
    return runView(id);
  }
  if (view === 'compare') return compareView(rest.split(',').filter(Boolean).map(decodeURIComponent));
  if (view === 'tables') return tablesView();
  if (view === 'events') return eventsView();
  return sweepView();
}

// What the view depends on: while it stays the same, the page does. A running run's curves grow although
// its overview may not change; tables are unfinished while their tests of significance are under way.
async function show() {
  if (!state.overview) return;
  const hash = location.hash, key = `${hash} ${state.overviewText}`;
  if (key === state.drawn) return;
  state.unfinished = false;
  const path = hash.replace(/^#\/?/, '').split('/');
  const nodes = await viewOf(path);
  if (location.hash !== hash) return;  // Another view was asked for meanwhile.
  const sameView = state.view === hash;
  const focused = document.activeElement?.closest('[data-run]');
  if (sameView) patchChildren(byId('main'), nodes); else byId('main').replaceChildren(...nodes);
  state.drawn = state.unfinished ? '' : key;
  state.view = hash;
  for (const link of document.querySelectorAll('nav a')) {
    const here = link.dataset.view === (['tables', 'events'].includes(path[0]) ? path[0] : '');
    if (here) link.setAttribute('aria-current', 'page'); else link.removeAttribute('aria-current');
  }
  document.title = path[0] ? `${path[0]} · ${state.overview.name}` : state.overview.name;
  // A row that the order moved has lost the focus.
  if (sameView && focused && !focused.contains(document.activeElement)) focusRun(focused.dataset.run);
  if (!sameView) window.scrollTo(0, 0);
  document.body.dataset.ready = hash || '#/';
}

function navigate() {
  show().catch((error) => tell(error.message));
}

// ---- keys ----

function focusRun(id) {
  const row = [...document.querySelectorAll('#runs tbody tr')].find((one) => one.dataset.run === id);
  if (!row) return;
  state.here = id;
  for (const other of document.querySelectorAll('#runs tr.here')) other.classList.remove('here');
  row.classList.add('here');
  row.querySelector('a').focus();
}

function moveRun(step) {
  const ids = [...document.querySelectorAll('#runs tbody tr')].map((row) => row.dataset.run);
  if (!ids.length) return;
  const at = ids.indexOf(state.here);
  focusRun(ids[at < 0 ? 0 : Math.max(0, Math.min(ids.length - 1, at + step))]);
}

const KEYS = {
  1: () => { location.hash = '#/'; }, 2: () => { location.hash = '#/tables'; }, 3: () => { location.hash = '#/events'; },
  '/': () => byId('filter') && byId('filter').focus(),
  j: () => moveRun(1), k: () => moveRun(-1), c: compare,
  x: () => { if (state.here && byId('run-table')) { choose(state.here); focusRun(state.here); } },
  Escape: () => { location.hash = '#/'; }, '?': () => byId('help').showModal(),
};

document.addEventListener('keydown', (event) => {
  const typing = ['INPUT', 'SELECT', 'TEXTAREA'].includes(event.target.tagName) && event.target.type !== 'checkbox';
  if (event.ctrlKey || event.metaKey || event.altKey || byId('help').open) return;
  if (typing) { if (event.key === 'Escape') event.target.blur(); return; }
  const action = KEYS[event.key];
  if (!action) return;
  event.preventDefault();
  action();
});
byId('help-button').addEventListener('click', () => byId('help').showModal());
window.addEventListener('hashchange', navigate);
let resized = 0;
window.addEventListener('resize', () => {  // Curves are as wide as the page lets them be.
  clearTimeout(resized);
  resized = setTimeout(() => { state.drawn = ''; navigate(); }, 150);
});
poll();
