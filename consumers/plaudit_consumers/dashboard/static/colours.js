// Gives each series a colour and a dash. A series keeps them when others appear, and after a reload.

const LIGHT = ["#0b6fa4", "#b5480b", "#1a7f4e", "#8a3f9e", "#8f6a00", "#c2276b", "#3f5bd1", "#5d6b1f"];
const DARK = ["#5cc0f0", "#ff9d5c", "#5fd39a", "#d69bea", "#f0cb55", "#ff86b5", "#9aaeff", "#c3d36a"];
const DASHES = [[], [8, 4], [2, 4], [10, 3, 2, 3]];
const MARKS = [[14, 0], [6, 2], [2, 2], [4, 1]]; // the dashes as [on, off] pixels of a 14 pixel swatch
const SLOTS = LIGHT.length * DASHES.length;
const STORED = "plaudit.dashboard.colours", MOST = 500;

const dark = () => document.documentElement.dataset.theme === "dark";
export const colourOf = (slot) => (dark() ? DARK : LIGHT)[slot % LIGHT.length];
export const dashOf = (slot) => DASHES[Math.floor(slot / LIGHT.length)];

function hash(text) { // FNV-1a
  let sum = 0x811c9dc5;
  for (const letter of text) sum = Math.imul(sum ^ letter.codePointAt(0), 0x01000193) >>> 0;
  return sum;
}

export class Colours {
  constructor(storage = globalThis.localStorage) {
    this.storage = storage;
    this.slots = new Map();
    try {
      for (const [key, slot] of JSON.parse(storage.getItem(STORED) ?? "[]")) if (slot < SLOTS) this.slots.set(key, slot);
    } catch { this.slots.clear(); } // storage is forbidden, or holds something else
  }

  /** The slot of a series: the one of its hash if free, else the next free one. Dashes come after all colours. */
  slotOf(key) {
    const known = this.slots.get(key);
    if (known !== undefined) return known;
    const taken = new Set(this.slots.values()), first = hash(key) % LIGHT.length;
    let slot = hash(key) % SLOTS;
    for (let i = 0; i < SLOTS; i++) {
      const tried = Math.floor(i / LIGHT.length) * LIGHT.length + (first + i) % LIGHT.length;
      if (!taken.has(tried)) { slot = tried; break; }
    }
    this.slots.set(key, slot);
    this.#store();
    return slot;
  }

  #store() {
    while (this.slots.size > MOST) this.slots.delete(this.slots.keys().next().value);
    try { this.storage.setItem(STORED, JSON.stringify([...this.slots])); } catch { /* full or forbidden: colours last until a reload */ }
  }
}

export function swatch(slot) {
  const span = document.createElement("span");
  span.className = "swatch";
  const colour = colourOf(slot), [on, off] = MARKS[Math.floor(slot / LIGHT.length)];
  span.style.background = `repeating-linear-gradient(90deg, ${colour} 0 ${on}px, transparent ${on}px ${on + off}px)`;
  return span;
}
