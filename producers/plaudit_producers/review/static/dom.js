// Makes elements. Strings go in as text; only what the server has rendered and cleaned goes in as HTML.

export const $ = (id) => document.getElementById(id);

export function make(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name in made) made[name] = value;
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

export const isolated = (text) => make("bdi", { textContent: text });

export const keycap = (key) => make("kbd", { textContent: key, "aria-hidden": "true" });

export function button(text, run, { key, className, label } = {}) {
  const made = make("button", { type: "button", className: className ?? "", "aria-label": label }, text);
  if (key) made.append(" ", keycap(key));
  made.addEventListener("click", run);
  return made;
}

// A live region says nothing if its text stays the same, so it is emptied first.
export function hear(text) {
  const place = $("heard");
  place.textContent = "";
  requestAnimationFrame(() => { place.textContent = text; });
}

export function problem(text, ...more) {
  const place = $("problem");
  place.hidden = !text;
  place.replaceChildren(text ?? "", ...more);
}

export const count = (number, one, many = `${one}s`) => `${number.toLocaleString("en")} ${number === 1 ? one : many}`;

export const percent = (share) => `${Math.round(share * 100)} %`;
