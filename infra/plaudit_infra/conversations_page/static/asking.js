// Requests of the page, and small helpers for its elements.

export const $ = (id) => document.getElementById(id);

export async function ask(path, body) {
  const options = body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  let answer;
  try {
    answer = await fetch(`/conversations/${path}`, options);
  } catch {
    throw new Error("The console cannot be reached.");
  }
  if (answer.status === 401) location.assign(`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`);
  const content = await answer.json().catch(() => ({}));
  if (!answer.ok) throw Object.assign(new Error(content.detail ?? `The console answered ${answer.status}.`), { status: answer.status });
  return content;
}

export function element(tag, text, className) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

// A text of other people's making, which must not reorder what stands around it.
export function isolated(text) {
  return element("bdi", text);
}

export function pairs(list, facts) {
  list.replaceChildren(...facts.map(([name, value]) => {
    const pair = element("div"), told = element("dd");
    told.append(isolated(value));
    pair.append(element("dt", name), told);
    return pair;
  }));
}

export function moment(ms) {
  if (ms === null || ms === undefined) return "";
  const shown = new Date(ms);
  return Number.isNaN(shown.getTime()) ? "" : shown.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
}

export function problem(text) {
  $("problem").hidden = !text;
  $("problem").textContent = text ?? "";
}

export function tell(text, failed = false) {
  $("done").hidden = !text;
  $("done").textContent = text ?? "";
  $("done").classList.toggle("failed", failed);
}

export async function copyLink(changes) {
  const url = new URL(location.href);
  for (const [name, value] of Object.entries(changes)) url.searchParams.set(name, value);
  try {
    await navigator.clipboard.writeText(url.href);
    tell("The link is copied. It opens for people whose key may read this application.");
  } catch {
    tell(url.href); // without a secure origin there is no clipboard
  }
}
