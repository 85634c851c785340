// The status page: asks the gateway how it is every few seconds, listens to the live stream, and says in one line and in
// the title whether all is well.

import {$, age, setClock, show, tickAll} from './dom.js';
import {get, hasToken, pause, Refused, setToken, Unauthorized} from './api.js';
import * as chart from './chart.js';
import * as live from './live.js';
import * as attempt from './try.js';
import * as view from './view.js';
import {follow} from './stream.js';

const backlog = 100;   // events that are listed when the page opens
const tooFar = 2000;   // after an interruption by more events than this it begins anew
const every = 5000;    // between two looks
const hidden = 15000;  // when nobody looks at the page

let status = null, alarms = [];
let streaming = null, stream = null, queueID = '';
let lost = null;       // since when the gateway does not answer, why, and when the next try is
let tries = 0, timer = 0, looking = null, looked = 0;

// look asks for everything once; only one at a time, and not while a token is wanted.
function look() {
  if (wanted()) return Promise.resolve();
  looking ??= (async () => {
    clearTimeout(timer);
    const begun = performance.now();
    let failure = null;
    const answers = await Promise.all([get('api/v1/status'), get('api/v1/alarms'), get('api/v1/silences')]).catch(e => { failure = e; });
    looking = null;
    looked = performance.now();
    if (failure instanceof Unauthorized) {
      askToken();
      return;
    }
    if (failure) {
      lost = {since: lost?.since ?? Date.now(), why: failure.message, answers: failure instanceof Refused, next: Date.now() + pause(tries++)};
      timer = setTimeout(look, lost.next - Date.now());
    } else {
      const busy = 10 * (looked - begun); // a gateway that has much to tell is asked less often
      timer = setTimeout(look, Math.max(document.hidden ? hidden : every, busy));
      signedIn(answers[0], answers[1].alarms, answers[2].silences);
    }
    conclude();
  })();
  return looking;
}

// nudge looks soon, because something happened; in a storm not all the time.
let nudged = 0;
function nudge() {
  if (nudged) return;
  nudged = setTimeout(() => { nudged = 0; look(); }, Math.max(300, 2000 - (performance.now() - looked)));
}

function signedIn(s, a, silences) {
  setClock(Date.parse(s.started) + s.uptime_seconds * 1000);
  if (lost) stream?.retry();
  lost = null;
  tries = 0;
  status = s;
  alarms = a;
  $('login').hidden = true;
  $('all').hidden = $('skip').hidden = $('sections').hidden = false;
  $('forget').hidden = !hasToken();
  $('cluster').textContent = s.cluster ?? '';
  $('about').replaceChildren(`${s.version}, up `, age(s.started));
  view.drawAlarms(alarms, s.outputs);
  view.drawOutputs(s.outputs);
  view.drawNodes(s.nodes);
  view.drawSilences(silences);
  view.drawFacts(s);
  chart.draw();
  stream ??= follow({begin, events, state, note: live.note});
}

// begin says where the stream begins: after the last event that came, if that is not too far back and still the same log.
async function begin(last) {
  const s = await get('api/v1/status');
  const newest = s.queue.last;
  const first = s.queue.events ? Math.max(s.queue.first - 1, newest - backlog) : newest;
  try {
    chart.setRate(await get('api/v1/rate'));
  } catch (e) {
    if (e instanceof Unauthorized) throw e; // else the chart begins with what comes
  }
  chart.draw();
  live.note('');
  if (last === null || queueID !== s.queue.id) {
    queueID = s.queue.id;
    live.clear();
    return first;
  }
  if (newest - last > tooFar) {
    live.skipped(first - last);
    return first;
  }
  return last;
}

function events(more) {
  live.add(more);
  chart.add(more);
  if (more.some(e => e.alarm_key || e.group === 'gateway' || e.group === 'control')) nudge();
}

function state(on, why) {
  streaming = on;
  live.state(on, why);
  if (!on && !lost) nudge();
  conclude();
}

// countDown says when a gateway that does not answer is asked again.
function countDown() {
  if (!lost) return;
  const wait = Math.ceil((lost.next - Date.now()) / 1000);
  show($('link-text'), `${lost.why}. ${wait > 0 ? `Next try in ${wait} s.` : 'Trying now…'}`);
}

const signs = {ok: '✔', warn: '!', bad: '✖', unknown: '?'};

// conclude says how all of it is.
function conclude() {
  if (wanted()) return;
  let level = 'unknown', text = 'Asking the gateway…', lines = [];
  if (lost) {
    level = lost.answers ? 'bad' : 'unknown';
    text = lost.answers ? 'The gateway cannot say how it is' : 'No connection to the gateway';
    if (status) lines = [{text: 'What is below is as it was ', since: new Date(lost.since).toISOString(), ago: true}];
  } else if (status) {
    ({level, text, lines} = view.verdict(status, alarms, streaming !== false));
  }
  $('link').hidden = !lost;
  countDown();
  set(level, text);
  view.drawReasons(lines);
}

function set(level, text) {
  document.documentElement.dataset.state = level;
  $('sign').textContent = signs[level];
  if ($('headline').textContent !== text) $('headline').textContent = text;
  document.title = `${signs[level]} ${text} – ${[status?.cluster, 'gluster-trapgw'].filter(Boolean).join(' ')}`;
  drawIcon(level);
}

const icons = {
  ok: ['#1a7f37', 'M8 17l5 5 11-12'],
  warn: ['#b35900', 'M16 7v11M16 23v2'],
  bad: ['#c1121f', 'M10 10l12 12M22 10L10 22'],
  unknown: ['#6b7280', 'M12 12a4 4 0 1 1 5 4l-1 3M16 23v2'],
};
let icon = '';

function drawIcon(level) {
  if (icon === level) return;
  icon = level;
  const [colour, path] = icons[level];
  const shape = level === 'ok' ? '<circle cx="16" cy="16" r="15"' : '<path d="M5 1h22l4 15-4 15H5L1 16z"';
  const picture = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">${shape} fill="${colour}"/>` +
    `<path d="${path}" fill="none" stroke="#fff" stroke-width="4" stroke-linecap="round" stroke-linejoin="round"/></svg>`;
  $('icon').href = 'data:image/svg+xml,' + encodeURIComponent(picture);
}

// wanted reports whether the page waits for a token.
const wanted = () => !$('login').hidden && !hasToken();

// askToken stops everything until there is a token that is right.
function askToken() {
  if (wanted()) return; // somebody may be typing it
  const wrong = hasToken();
  clearTimeout(timer);
  stream?.stop();
  stream = streaming = null;
  setToken('');
  status = null;
  $('all').hidden = $('skip').hidden = $('sections').hidden = true;
  $('forget').hidden = true;
  $('link').hidden = true;
  for (const id of ['cluster', 'about', 'reasons']) $(id).replaceChildren();
  set('unknown', 'A token is wanted');
  show($('login-error'), wrong ? 'The gateway does not accept this token.' : '');
  $('token').setAttribute('aria-invalid', String(wrong));
  $('login').hidden = false;
  $('token').value = '';
  $('token').focus();
}

$('login').addEventListener('submit', async e => {
  e.preventDefault();
  setToken($('token').value);
  show($('login-error'), '');
  await look();
  if ($('login').hidden) $('headline').focus();
});

$('forget').addEventListener('click', () => {
  setToken('');
  location.reload(); // and all that was shown goes with it
});

$('retry').addEventListener('click', () => {
  tries = 0;
  stream?.retry();
  look();
});

window.addEventListener('online', () => look());
document.addEventListener('visibilitychange', () => { if (!document.hidden) look(); });

setInterval(() => {
  tickAll();
  chart.draw();
  countDown();
}, 1000);

live.start(attempt.fill);
attempt.start(askToken);
look();
