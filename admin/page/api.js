// Requests to the gateway. The token stays in this tab: in memory, and in its session storage for when it is loaded again.

const key = 'gluster-trapgw token';
let token = '';
try {
  token = sessionStorage.getItem(key) ?? '';
} catch {
  // Storage is off: the token lives in memory.
}

// Unauthorized means that the token is missing or wrong.
export class Unauthorized extends Error {}

// Refused is an answer other than 200 and 401; the message is what the gateway says.
export class Refused extends Error {}

export const hasToken = () => token !== '';

export function setToken(value) {
  token = value;
  try {
    if (value) sessionStorage.setItem(key, value);
    else sessionStorage.removeItem(key);
  } catch {
    // as above
  }
}

// ask sends a request. The addresses are relative, so that a proxy may serve the page under any path.
export async function ask(path, init = {}) {
  const headers = {'X-Trapgw': '1', ...init.headers};
  // A header holds octets: those of the token in UTF-8, as the file has them.
  if (token) headers.Authorization = 'Bearer ' + String.fromCharCode(...new TextEncoder().encode(token));
  let response;
  try {
    response = await fetch(path, {cache: 'no-store', redirect: 'error', ...init, headers});
  } catch (e) {
    throw new Error(e.name === 'TimeoutError' ? 'No answer in time' : 'No answer', {cause: e});
  }
  if (response.ok) return response;
  if (response.status === 401) throw new Unauthorized('the token is missing or wrong');
  let why = `the gateway answers ${response.status}`;
  try {
    why = (await response.json()).error ?? why;
  } catch {
    // not the gateway's own words, a proxy's perhaps
  }
  throw new Refused(why);
}

// get asks for JSON; waits no longer than people do.
export async function get(path) {
  return (await ask(path, {signal: AbortSignal.timeout(20000)})).json();
}

export async function post(path, body) {
  return (await ask(path, {method: 'POST', body, headers: {'Content-Type': 'application/json'}, signal: AbortSignal.timeout(20000)})).json();
}

// pauses are how long to wait before each further try, in milliseconds: growing, and not at the same moment everywhere.
export function pause(tries) {
  return Math.min(30000, 1000 * 2 ** Math.min(tries, 5)) * (0.8 + 0.4 * Math.random());
}
