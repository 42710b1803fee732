// Requests to the session's server. The cookie that came with the page is the key.

async function answer(response) {
  if (response.ok) return response;
  let text = await response.text();
  try { text = JSON.parse(text).error ?? text; } catch { /* a plain line */ }
  throw new Error(text);
}

const query = (path, values) => `/api/${path}?${new URLSearchParams(values)}`;

export async function get(path, values = {}) {
  return (await answer(await fetch(query(path, values)))).json();
}

export async function operate(kind, values = {}) {
  const body = JSON.stringify({ kind, ...values });
  return (await answer(await fetch('/api/operation', { method: 'POST', body }))).json();
}

// A picture as a bitmap, null where the server has none yet.
export async function picture(path, values) {
  const response = await answer(await fetch(query(path, values)));
  if (response.status === 204) return null;
  return createImageBitmap(await response.blob());
}

export async function post(path, values = {}, body = '') {
  return (await answer(await fetch(query(path, values), { method: 'POST', body }))).json();
}
