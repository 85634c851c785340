// How the gateway is: alarms, outputs, nodes, silences, policy and queue.

import {$, age, badge, count, h, left, plural, show, size, sync, when} from './dom.js';

const maxRows = 200;

// heard are the alarms that an output was told of; the others are kept back from all of them.
export const heard = alarms => alarms.filter(a => a.outputs.length > 0);

export function drawAlarms(alarms, outputs) {
  // Alarms are what the outputs have come to: what waits for all of them is not among these yet.
  const unread = Math.min(...outputs.map(o => o.lag_seconds > 5 ? o.waiting : 0));
  const behind = outputs.length > 0 && unread > 0;
  show($('alarms-behind'), behind ? `No output has come to the last ${plural(unread, 'event')} yet: what ${unread === 1 ? 'it begins or ends' : 'they begin or end'} is not known here. See what arrives.` : '');
  const back = alarms.length - heard(alarms).length;
  $('alarms-count').textContent = `${count(alarms.length - back)}${back ? `, and ${count(back)} kept back` : ''}`;
  sync($('alarms-list'), alarms.slice(0, maxRows), a => a.key, buildAlarm);
  $('alarms-none').hidden = alarms.length > 0 || behind;
  show($('alarms-more'), alarms.length > maxRows ? `${plural(alarms.length - maxRows, 'more alarm')}: gluster-trapgw alarms list shows all.` : '');
}

const reasons = {cause: 'its cause is known', hold: 'on hold by the policy', throttle: 'one too many', silence: 'silenced'};

function buildAlarm(a) {
  const why = Object.entries(a.why ?? {}).map(([output, text]) => {
    const [word, ...rest] = text.split(' ');
    return `${output} is not told: ${[reasons[word] ?? word, ...rest].join(' ')}`;
  });
  return h('li', {'data-severity': a.severity, class: a.outputs.length === 0 && 'held'},
    h('p', {class: 'line three'}, badge(a.severity), h('strong', {class: 'text'}, a.text), h('span', {class: 'aside'}, 'for ', age(a.begun))),
    h('p', {class: 'small'}, h('code', {}, a.key), ` · ${a.event} · since `, when(a.begun),
      a.count > 1 && [` · reported ${plural(a.count, 'time')}, last `, age(a.last), ' ago'],
      a.outputs.length > 0 && ` · told: ${a.outputs.join(', ')}`),
    why.map(text => h('p', {class: 'small'}, text)));
}

export function drawOutputs(outputs) {
  sync($('outputs-list'), outputs.map(steady), o => o.name, buildOutput);
}

// steady leaves out what changes without being shown.
function steady(o) {
  const {name, kind, target, state, summary, failing_since, last_error, last_sent, waiting, lost, sent, lag_seconds} = o;
  return {name, kind, target, state, summary, failing_since, last_error, last_sent, waiting, lost, sent, lag: Math.round(lag_seconds)};
}

function buildOutput(o) {
  const failing = o.state !== 'working';
  return h('li', {'data-output': failing ? 'failing' : 'working'},
    h('p', {class: 'line'}, h('span', {class: 'sign', 'aria-hidden': 'true'}, failing ? '✖' : '✔'), h('strong', {}, o.name), h('span', {}, o.summary),
      o.failing_since && h('span', {class: 'aside'}, 'for ', age(o.failing_since))),
    h('p', {class: 'small'}, `${o.kind} to `, h('code', {}, o.target)),
    h('p', {class: 'small'}, `${count(o.sent)} sent`, o.last_sent && [', last ', age(o.last_sent), ' ago'], ` · ${plural(o.waiting, 'event')} waiting`,
      o.lag > 0 && `, the oldest for ${o.lag} s`, o.lost > 0 && [' · ', h('strong', {class: 'bad'}, `${plural(o.lost, 'event')} lost`)]),
    failing && o.last_error && h('p', {class: 'small bad'}, o.last_error));
}

export function drawNodes(nodes) {
  $('nodes-count').textContent = nodes.length ? count(nodes.length) : '';
  $('nodes-none').hidden = nodes.length > 0;
  const name = n => n.name || n.id;
  sync($('nodes-list'), [...nodes].sort((a, b) => name(a).localeCompare(name(b))), n => n.id, n => h('li', {},
    h('p', {class: 'line'}, h('strong', {}, name(n)), h('span', {class: 'aside'}, 'last event ', age(n.last_event), ' ago')),
    n.name && h('p', {class: 'small'}, h('code', {}, n.id))));
}

export function drawSilences(silences) {
  const open = silences.filter(s => s.state !== 'ended');
  $('silences-count').textContent = open.length ? count(open.length) : '';
  $('silences-none').hidden = open.length > 0;
  sync($('silences-list'), open, s => s.id, s => h('li', {},
    h('p', {class: 'line'}, h('code', {}, s.matchers.join(' and ')),
      h('span', {class: 'aside'}, s.state === 'active' ? ['active, ends in ', left(s.ends)] : ['begins in ', left(s.starts)])),
    h('p', {class: 'small'}, s.comment && `${s.comment} · `, `by ${s.author} · until `, when(s.ends), ' · ', h('code', {}, s.id))));
}

const refusals = {bad: 'not events', unauthorized: 'without the token', forbidden: 'from elsewhere', not_found: 'to another path', bad_method: 'no POST',
  timed_out: 'broken off', too_large: 'too large', rate_limited: 'over the rate', not_stored: 'not stored', busy: 'while busy',
  disconnected: 'connections closed', kernel_dropped: 'dropped by the kernel', lost: 'lost', gaps: 'gaps'};

export function drawFacts(s) {
  const p = s.policy, q = s.queue;
  $('policy-error').hidden = !p.last_error;
  $('policy-error-text').textContent = p.last_error ?? '';
  const facts = [['Policy', [p.file ? h('code', {}, p.file) : 'built-in', `, ${plural(p.rules, 'rule')}, read `, when(p.loaded)]],
    ['Queue', [plural(q.events, 'event'), ` (${size(q.bytes)}${q.max_bytes ? ` of ${size(q.max_bytes)}` : ''}), the newest is number ${q.last}`]]];
  if (q.write_error) facts.push(['Cannot be written', h('span', {class: 'bad'}, q.write_error)]);
  if (q.damaged) facts.push(['Damaged', h('span', {class: 'bad'}, plural(q.damaged, 'record'))]);
  for (const i of s.inputs) {
    const not = Object.entries(i.counters).filter(([k, n]) => n > 0 && refusals[k]).map(([k, n]) => `${count(n)} ${refusals[k]}`);
    facts.push([i.name, [h('code', {}, i.addresses.join(', ')), `: ${plural(i.counters.accepted ?? 0, 'event')} taken`, not.length > 0 && `; not taken: ${not.join(', ')}`]]);
  }
  if (s.duplicates) facts.push(['Repeated', `${plural(s.duplicates, 'event')} that another input had brought`]);
  sync($('facts'), facts.map(([name, value]) => ({name, value: h('dd', {}, value)})).map(f => ({name: f.name, text: f.value.textContent, value: f.value})), f => f.name,
    f => h('div', {}, h('dt', {}, f.name), f.value));
}

const verbs = {refused: 'refusing', timeout: 'not answering', rejected: 'rejecting', unresolved: 'not resolved', unreachable: 'unreachable'};

// verdict is the whole in one line: how bad it is, and the reasons with where to look.
export function verdict(s, alarms, live) {
  const parts = [], lines = [];
  let level = 'ok';
  const worse = l => { if (l === 'bad' || level === 'ok') level = l; };
  const active = heard(alarms);
  if (active.length) {
    const worst = active[0].severity; // the gateway lists the worst first
    worse(['critical', 'major'].includes(worst) ? 'bad' : 'warn');
    const n = active.filter(a => a.severity === worst).length;
    parts.push(`${plural(active.length, 'alarm')} active`);
    lines.push({href: '#alarms', text: `${count(n)} ${worst}${active.length > n ? ` and ${count(active.length - n)} less severe` : ''}: ${active[0].text}`});
  }
  const failing = s.outputs.filter(o => o.state !== 'working');
  if (failing.length) {
    worse('bad');
    const kinds = new Set(failing.map(o => verbs[o.trouble] ?? 'failing'));
    parts.push(`${plural(failing.length, 'output')} ${kinds.size === 1 ? [...kinds][0] : 'failing'}`);
    for (const o of failing) lines.push({href: '#outputs', text: `${o.name}: ${o.summary}`, since: o.failing_since});
  }
  for (const o of s.outputs.filter(o => o.state === 'working' && o.lag_seconds > 60)) {
    worse('warn');
    parts.push(`${o.name} is behind`);
    lines.push({href: '#outputs', text: `${o.name} works, but is behind: ${plural(o.waiting, 'event')} waiting`});
  }
  if (s.outputs.length === 0) {
    worse('warn');
    parts.push('no outputs');
    lines.push({href: '#outputs', text: 'No outputs are configured: nobody hears of anything'});
  }
  if (!s.ready) {
    worse('bad');
    parts.push('not ready');
    for (const p of s.problems) lines.push({href: '#gateway', text: `Not ready: ${p}`});
  }
  if (s.policy.last_error) {
    worse('warn');
    parts.push('policy not reloaded');
    lines.push({href: '#gateway', text: 'The policy file has a mistake; the policy before it stays in use'});
  }
  if (!live) {
    worse('warn');
    lines.push({href: '#now', text: 'The live stream is interrupted; it begins again where it broke off'});
    parts.push('no live stream');
  }
  if (level === 'ok') {
    const last = s.nodes.map(n => n.last_event).sort().pop();
    lines.push({text: `No active alarms, ${plural(s.outputs.length, 'output')} working${last ? ', last event ' : ', no event yet'}`, since: last, ago: true});
  }
  return {level, text: parts.length ? parts.join(', ') : 'All well', lines};
}

// drawReasons lists the lines of a verdict.
export function drawReasons(lines) {
  sync($('reasons'), lines, l => l.text, l => h('li', {}, l.href ? h('a', {href: l.href}, l.text) : l.text,
    l.since && [l.ago ? '' : ' for ', age(l.since), l.ago && ' ago']));
}
