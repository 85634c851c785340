// Building blocks. What comes from the gateway gets into the page as text only: by append or textContent.

// h makes an element. Attributes that are false, null or undefined are left out; strings among the children become text.
export function h(tag, attributes = {}, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false && value != null) e.setAttribute(name, value === true ? '' : value);
  }
  e.append(...children.flat(Infinity).filter(c => c !== false && c != null));
  return e;
}

export const $ = id => document.getElementById(id);

// show puts text into an element and hides it when there is none.
export function show(e, text) {
  e.hidden = !text;
  if (e.textContent !== text) e.textContent = text;
}

// sync makes the children of a list those of items. What did not change stays the same element, so that focus, selection
// and what is unfolded stay as well.
export function sync(list, items, key, build) {
  const old = new Map([...list.children].map(e => [e.syncKey, e]));
  let at = list.firstElementChild;
  for (const item of items) {
    const k = key(item), print = JSON.stringify(item);
    let e = old.get(k);
    old.delete(k);
    if (!e || e.syncPrint !== print) {
      const fresh = build(item);
      fresh.syncKey = k;
      fresh.syncPrint = print;
      if (e) {
        const open = e.querySelector('details')?.open, focused = e.contains(document.activeElement);
        if (at === e) at = fresh;
        e.replaceWith(fresh);
        const unfolded = fresh.querySelector('details');
        if (open && unfolded) unfolded.open = true;
        if (focused) fresh.querySelector('summary, button, a')?.focus();
      }
      e = fresh;
    }
    if (at === e) at = at.nextElementSibling;
    else list.insertBefore(e, at);
  }
  for (const e of old.values()) e.remove();
}

export const plural = (n, one, many = one + 's') => `${count(n)} ${n === 1 ? one : many}`;

export const count = n => n.toLocaleString();

export function size(bytes) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let i = 0;
  for (; bytes >= 1024 && i < units.length - 1; i++) bytes /= 1024;
  return `${bytes >= 10 || i === 0 ? Math.round(bytes) : bytes.toFixed(1)} ${units[i]}`;
}

// span writes seconds as people say them: 40s, 3m 20s, 2h 5m, 3d 4h.
export function span(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  const two = (a, x, b, y) => y ? `${a}${x} ${y}${b}` : `${a}${x}`;
  if (s < 60) return `${s}s`;
  if (s < 3600) return two(Math.floor(s / 60), 'm', 's', s < 600 ? s % 60 : 0);
  if (s < 86400) return two(Math.floor(s / 3600), 'h', 'm', Math.floor(s % 3600 / 60));
  return two(Math.floor(s / 86400), 'd', 'h', Math.floor(s % 86400 / 3600));
}

let skew = 0; // what the gateway's clock is ahead of the browser's, in milliseconds

export function setClock(gatewayNow) { skew = gatewayNow - Date.now(); }

export const now = () => Date.now() + skew;

const clock = new Intl.DateTimeFormat(undefined, {hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23'});
const minute = new Intl.DateTimeFormat(undefined, {hour: '2-digit', minute: '2-digit', hourCycle: 'h23'});
const day = new Intl.DateTimeFormat(undefined, {month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', hourCycle: 'h23'});

// local is the time of today, or with the day.
export function local(t) {
  const d = new Date(t);
  return d.toDateString() === new Date().toDateString() ? clock.format(d) : day.format(d);
}

export const localMinute = t => minute.format(new Date(t));

// when is a time on the clock; age and left are the span since or until then and go on by themselves.
export const when = t => h('time', {datetime: t, title: t}, local(t));
export const age = t => aging('age', t);
export const left = t => aging('left', t);

function aging(kind, t) {
  const e = h('time', {datetime: t, title: t, class: kind});
  tick(e);
  return e;
}

function tick(e) {
  const seconds = (now() - Date.parse(e.dateTime)) / 1000;
  const text = span(e.className === 'left' ? -seconds : seconds);
  if (e.textContent !== text) e.textContent = text;
}

// tickAll moves all spans on.
export function tickAll() {
  for (const e of document.querySelectorAll('time.age, time.left')) tick(e);
}

// badge is a severity: always its name, and a colour and a shape beside it.
export const badge = severity => h('span', {class: 'badge', 'data-severity': severity}, severity || 'none');
