// What arrives: the newest events first, as many as people read.

import {$, badge, count, h, plural, show, sync, when} from './dom.js';

const kept = 500, shown = 100;
const ranks = ['cleared', 'informational', 'indeterminate', 'warning', 'minor', 'major', 'critical'];

let events = [];    // newest first, at most kept
let paused = null;  // the list as it was when it was stopped
let since = 0;      // events that came since then
let onTry = () => {};

// add takes events of the stream, oldest first.
export function add(more) {
  events = more.slice(-kept).reverse().concat(events).slice(0, kept);
  if (paused) since += more.filter(wanted).length;
  plan();
}

export function clear() {
  events = [];
  if (paused) paused = [];
  plan();
}

// note says what is worth knowing about the list itself.
export function note(text) { show($('live-note'), text); }

export function state(live, text) {
  const e = $('live-state');
  e.dataset.live = live;
  e.textContent = live ? 'live' : `interrupted: ${text}`;
}

let planned = false;

// plan draws soon: a storm must not draw for each event.
function plan() {
  if (planned) return;
  planned = true;
  setTimeout(() => { planned = false; draw(); }, 150);
}

function wanted(e) {
  if (!$('filter-beats').checked && e.event === 'gtgHeartbeat') return false;
  const least = $('filter-severity').value;
  if (least && ranks.indexOf(e.severity) < ranks.indexOf(least)) return false;
  const words = $('filter-text').value.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return true;
  const text = [e.event, e.node, e.node_id, e.volume, e.brick, e.peer, e.text, e.alarm_key, e.rule].join(' ').toLowerCase();
  return words.every(w => text.includes(w));
}

function draw() {
  const list = (paused ?? events).filter(wanted);
  sync($('live-list'), list.slice(0, shown), e => e.seq, build);
  const none = $('live-none');
  none.hidden = list.length > 0;
  none.textContent = events.length ? 'Nothing that fits the filter.' : 'Nothing yet.';
  $('pause').textContent = paused ? `Go on (${count(since)} new)` : 'Pause';
}

// to says where the policy sends an event.
function to(outputs) {
  if (outputs.length > 2) return `to ${outputs.length} outputs`;
  return outputs.length ? `to ${outputs.join(' and ')}` : 'to no output';
}

const states = {raise: 'begins', clear: 'ends', update: 'changes'};

function build(e) {
  const where = [e.node || e.node_id, e.volume].filter(Boolean).join(' · ');
  const rows = [['Number', String(e.seq)], ['Input', e.input], ['Alarm', e.alarm_key && `${e.alarm_key} ${states[e.state] ?? e.state}`],
    ['Node', [e.node, e.node_id].filter(Boolean).join(', ')], ['Volume', e.volume], ['Brick', e.brick], ['Peer', e.peer],
    ['Rule', e.rule || 'none matches'], ['Outputs', e.outputs.length ? e.outputs.join(', ') : 'none']];
  const fields = Object.entries(e.fields ?? {});
  for (const [name, value] of fields) rows.push([name, value]);
  const button = h('button', {type: 'button'}, 'Try this event below');
  button.addEventListener('click', () => onTry({event: e.event, nodeid: e.node_id ?? null, ts: Math.floor(Date.parse(e.received) / 1000), message: e.fields ?? {}}));
  return h('li', {'data-severity': e.severity},
    h('details', {},
      h('summary', {}, h('span', {class: 'line'}, when(e.received), badge(e.severity), h('span', {class: 'name'}, e.event), where && h('span', {class: 'where'}, where)),
        h('span', {class: 'line'}, h('span', {class: 'text'}, e.text), e.group !== 'control' && h('span', {class: 'aside'}, to(e.outputs)))),
      h('dl', {}, rows.filter(([, v]) => v).map(([k, v]) => [h('dt', {}, k), h('dd', {}, v)]).flat()),
      e.group !== 'gateway' && e.group !== 'control' && h('p', {}, button)));
}

export function start(tryEvent) {
  onTry = tryEvent;
  $('filter').addEventListener('submit', e => e.preventDefault());
  $('filter').addEventListener('input', plan);
  $('pause').addEventListener('click', () => {
    paused = paused ? null : events;
    since = 0;
    $('pause').setAttribute('aria-pressed', String(paused !== null));
    draw();
  });
  draw();
}

// skipped says that the page was away for longer than it can show.
export function skipped(n) { note(`${plural(n, 'event')} came while this page was not connected and ${n === 1 ? 'is' : 'are'} not listed here: gluster-trapgw history has them.`); }
