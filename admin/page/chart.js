// Events per minute of the last hour as bars.

import {$, h, count, localMinute, now, plural} from './dom.js';

const minutes = 60;
const ns = 'http://www.w3.org/2000/svg';
const width = 600, height = 150, left = 4, top = 16, bottom = 18;

const counts = new Map(); // by the first second of the minute
let upTo = 0;             // events up to this number are in counts
let known = false;
let drawn = '';

// setRate takes over what the gateway has counted.
export function setRate(rate) {
  counts.clear();
  for (const m of rate.minutes) counts.set(Date.parse(m.start) / 1000, m.events);
  upTo = rate.up_to;
  known = true;
}

// add counts events of the stream; those of the gateway itself do not count.
export function add(events) {
  for (const e of events) {
    if (e.seq <= upTo || e.input === 'gateway') continue;
    const t = Math.floor(Date.parse(e.received) / 60000) * 60;
    counts.set(t, (counts.get(t) ?? 0) + 1);
  }
}

function svg(tag, attributes, ...children) {
  const e = document.createElementNS(ns, tag);
  for (const [name, value] of Object.entries(attributes)) e.setAttribute(name, value);
  e.append(...children);
  return e;
}

// nice is the next number at or above n that reads well on an axis.
function nice(n) {
  let unit = 1;
  while (unit * 10 < n) unit *= 10;
  return [1, 2, 5, 10].map(k => k * unit).find(v => v >= n);
}

export function draw() {
  const last = Math.floor(now() / 60000) * 60;
  const bars = [];
  for (let t = last - (minutes - 1) * 60; t <= last; t += 60) bars.push({t, n: counts.get(t) ?? 0});
  for (const t of counts.keys()) if (t < bars[0].t) counts.delete(t);
  const print = JSON.stringify([known, bars]);
  if (print === drawn) return;
  drawn = print;

  const total = bars.reduce((sum, b) => sum + b.n, 0);
  const most = bars.reduce((a, b) => b.n > a.n ? b : a);
  let text = `${count(bars[minutes - 1].n)} this minute, ${count(total)} in the last hour`;
  if (most.n > 0) text += `, at most ${count(most.n)} at ${localMinute(most.t * 1000)}`;
  $('chart-text').textContent = known ? text + '.' : 'Not known yet.';

  const max = nice(Math.max(most.n, 1));
  const step = (width - left) / minutes, room = height - top - bottom;
  const picture = svg('svg', {viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-labelledby': 'chart-text', focusable: 'false'});
  for (const part of [1, 0.5]) {
    const y = top + room * (1 - part);
    picture.append(svg('line', {class: 'grid', x1: left, x2: width, y1: y, y2: y}));
    if (Number.isInteger(max * part)) picture.append(svg('text', {x: left, y: y - 4}, count(max * part)));
  }
  bars.forEach((b, i) => {
    const tall = b.n ? Math.max(2, room * b.n / max) : 0;
    const column = svg('g', {}, svg('title', {}, `${localMinute(b.t * 1000)}: ${plural(b.n, 'event')}`),
      svg('rect', {class: 'hit', x: left + i * step, y: top, width: step, height: room}));
    if (tall) column.append(svg('rect', {class: 'column', x: left + i * step + 1, y: top + room - tall, width: step - 2, height: tall}));
    picture.append(column);
    if ((b.t / 60) % 15 === 0 && i > 1 && i < minutes - 2) {
      picture.append(svg('text', {class: 'mid', x: left + (i + 0.5) * step, y: height - 4}, localMinute(b.t * 1000)));
    }
  });
  picture.append(svg('line', {class: 'axis', x1: left, x2: width, y1: top + room, y2: top + room}));
  $('chart').replaceChildren(picture);
  $('numbers-rows').replaceChildren(...bars.filter(b => b.n).reverse().map(b =>
    h('tr', {}, h('td', {}, h('time', {datetime: new Date(b.t * 1000).toISOString(), title: new Date(b.t * 1000).toISOString()}, localMinute(b.t * 1000))), h('td', {}, count(b.n)))));
}
