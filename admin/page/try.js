// What would become of an event: asked of the gateway, which sends nothing for it and stores nothing.

import {$, badge, h, plural, show} from './dom.js';
import {post, Unauthorized} from './api.js';

export function start(onUnauthorized) {
  $('try-form').addEventListener('submit', async e => {
    e.preventDefault();
    await attempt(onUnauthorized);
  });
}

// fill puts an event into the form and goes there.
export function fill(event) {
  $('try-event').value = JSON.stringify(event, null, 1);
  show($('try-error'), '');
  $('try-result').replaceChildren();
  $('try-event').focus();
  $('try').scrollIntoView();
}

async function attempt(onUnauthorized) {
  const text = $('try-event').value;
  try {
    const event = JSON.parse(text); // its own message says where the mistake is
    if (typeof event !== 'object' || event === null || Array.isArray(event)) throw new SyntaxError('one JSON object is wanted');
  } catch (e) {
    fail(`This is not JSON: ${e.message}`);
    return;
  }
  try {
    const preview = await post('api/v1/try', text);
    fail('');
    $('try-result').replaceChildren(...build(preview));
  } catch (e) {
    fail(e.message);
    if (e instanceof Unauthorized) onUnauthorized(e);
  }
}

function fail(text) {
  show($('try-error'), text);
  $('try-event').setAttribute('aria-invalid', String(text !== ''));
  if (text) $('try-result').replaceChildren();
}

function build(p) {
  const line = p.line ? ` (line ${p.line})` : '';
  let rule = 'No rule matches: it goes to every output.';
  if (p.rule) rule = `Rule “${p.rule}”${line} decides${p.dropped ? ': dropped, nothing is sent.' : '.'}`;
  const parts = [h('h3', {}, p.event), h('p', {id: 'try-rule'}, rule)];
  if (p.tried.length) {
    parts.push(h('details', {}, h('summary', {}, `${plural(p.tried.length, 'rule')} tried`),
      h('ol', {}, p.tried.map(t => h('li', {}, h('strong', {}, t.rule), ` (line ${t.line}): ${t.matched ? 'matches' : t.why || 'does not match'}`)))));
  }
  const facts = [['Text', p.text], ['Severity', badge(p.severity)]];
  if (p.alarm_key) facts.push(['Alarm', `${p.alarm_state} ${p.alarm_key}`]);
  facts.push(['Notification', [p.notification, ' ', h('code', {}, p.oid)]]);
  parts.push(h('dl', {class: 'facts'}, facts.map(([k, v]) => h('div', {}, h('dt', {}, k), h('dd', {}, v)))));
  parts.push(h('h3', {}, 'Trap'),
    h('div', {class: 'box', role: 'region', 'aria-label': 'Objects of the trap', tabindex: '0'}, h('table', {id: 'try-varbinds', role: 'table'}, // the roles stay when a narrow screen has it as a list
      h('thead', {role: 'rowgroup'}, h('tr', {role: 'row'}, ['Object', 'Type', 'Value'].map(t => h('th', {scope: 'col', role: 'columnheader'}, t)))),
      h('tbody', {role: 'rowgroup'}, p.varbinds.map(v => h('tr', {role: 'row'},
        h('th', {scope: 'row', role: 'rowheader', title: v.oid}, v.name), h('td', {role: 'cell'}, v.type), h('td', {role: 'cell'}, v.value)))))),
    h('h3', {}, 'Outputs'),
    h('ul', {class: 'rows', id: 'try-outputs'}, p.outputs.map(o => h('li', {'data-output': o.sends ? 'working' : 'none'},
      h('p', {class: 'line'}, h('span', {class: 'sign', 'aria-hidden': 'true'}, o.sends ? '✔' : '–'), h('strong', {}, o.output),
        h('span', {}, o.sends ? 'would get it' : 'would not get it'), h('span', {class: 'aside'}, `${o.bytes} octets`)),
      h('p', {class: 'small'}, h('code', {}, o.target)),
      o.syslog && h('pre', {class: 'box', role: 'region', tabindex: '0', 'aria-label': `Syslog line of ${o.output}`}, o.syslog)))));
  return parts;
}
