// The live stream: server-sent events, read with fetch because EventSource can send no token. It begins again after the
// last event it got whenever it breaks off.

import {ask, pause, Unauthorized} from './api.js';

const silence = 45000; // the gateway shows every 15 s that it is there

// follow calls on.events with lists of events until a token is wanted. on.begin returns the number to begin after, given
// that of the last event, or null at first; on.note gets what the gateway says besides events; on.state says how it is:
// true while it runs, else false and why.
export function follow(on) {
  let last = null, tries = 0, wake = null, stopped = false, quiet = false, current = null;

  async function once() {
    const control = new AbortController();
    current = control;
    last = await on.begin(last);
    let watchdog;
    const alive = () => {
      clearTimeout(watchdog);
      watchdog = setTimeout(() => control.abort(new Error('nothing was heard for too long')), silence);
    };
    alive();
    try {
      const response = await ask(`stream?after=${last}`, {headers: {Accept: 'text/event-stream'}, signal: control.signal});
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      tries = 0;
      on.state(true, '');
      let rest = '', notice = '';
      for (;;) {
        const {value, done} = await reader.read();
        if (done) return notice || 'the gateway ended the stream'; // its last words
        alive();
        const blocks = (rest + value).split('\n\n');
        rest = blocks.pop();
        const events = [];
        for (const block of blocks) {
          const {name, id, data} = parse(block);
          if (name === 'notice') {
            ({notice, resume_after: last} = JSON.parse(data));
            continue;
          }
          if (notice) on.note(notice);
          notice = '';
          if (id) last = Number(id);
          if (data) events.push(JSON.parse(data));
        }
        if (events.length) on.events(events);
      }
    } finally {
      clearTimeout(watchdog);
      control.abort();
    }
  }

  (async () => {
    while (!stopped) {
      let why;
      try {
        why = await once();
      } catch (e) {
        stopped ||= e instanceof Unauthorized;
        why = e instanceof TypeError ? 'the connection broke off' : e.message;
      }
      if (quiet) break;
      on.state(false, why); // who has no token finds out by asking for more
      if (stopped) break;
      await new Promise(done => {
        const timer = setTimeout(done, pause(tries++));
        wake = () => { clearTimeout(timer); done(); };
      });
      wake = null;
    }
  })();

  return {
    retry() { wake?.(); },
    stop() { stopped = quiet = true; current?.abort(); wake?.(); },
  };
}

// parse reads one server-sent event. One without data only shows that the stream is alive, and how far it is.
function parse(block) {
  let name = '', id = '', data = '';
  for (const line of block.split('\n')) {
    if (line.startsWith('event: ')) name = line.slice(7);
    else if (line.startsWith('id: ')) id = line.slice(4);
    else if (line.startsWith('data: ')) data += line.slice(6);
  }
  return {name, id, data};
}
