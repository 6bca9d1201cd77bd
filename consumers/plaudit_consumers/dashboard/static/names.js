// Names and texts come from producers, so none may control the page. Long ones are shortened until a click.

// Control characters, and Unicode marks that change the direction of the text around them.
const STEERING = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g;
const LONG = 32;

/** A text with each character that moves or reorders others shown as a replacement character. */
export const safe = (text) => text.replace(STEERING, "\ufffd");

/** A text of at most `most` characters, cut in the middle, because versions differ at the end. */
export function shortened(text, most = 40) {
  const letters = [...text];
  if (letters.length <= most) return text;
  const head = Math.ceil((most - 1) / 2);
  return `${letters.slice(0, head).join("")}\u2026${letters.slice(head + 1 - most).join("")}`;
}

/** An element with a name. The style sheet cuts a long one; its title, and a click, show the whole. */
export function nameElement(entry, onToggle) {
  const long = [...entry.name].length > LONG;
  const made = document.createElement(long ? "button" : "bdi");
  made.className = entry.whole ? "name whole" : "name";
  made.textContent = entry.name;
  made.dir = "auto";
  if (!long) return made;
  made.type = "button";
  made.title = entry.name;
  made.dataset.series = entry.key;
  made.dataset.part = "name";
  made.setAttribute("aria-expanded", String(Boolean(entry.whole)));
  made.addEventListener("click", () => onToggle(entry));
  return made;
}
