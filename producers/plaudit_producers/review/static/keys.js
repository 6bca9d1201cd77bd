// The keyboard: which key does what, where, and never while somebody types.

const TYPING = "textarea, select, [contenteditable], input:not([type=radio]):not([type=checkbox])";
const OWN = "button, a[href], summary"; // Enter and Space are theirs

const OFF = "plaudit-review-single-keys-off";

// Speech input types letters, which must not send answers: single keys can be turned off in this browser.
export const singleKeys = () => !localStorage.getItem(OFF);

export function setSingleKeys(on) {
  if (on) localStorage.removeItem(OFF);
  else localStorage.setItem(OFF, "1");
}

export class Keyboard {
  #bindings = [];
  #fallback = () => false;

  constructor(target = document) {
    target.addEventListener("keydown", (event) => this.#pressed(event));
  }

  // bindings: [{keys, says, run, typing}]; typing: it works in text fields too, with Ctrl or as Escape.
  // fallback: takes the key that no binding has; true if it was used.
  use(bindings, fallback = () => false) {
    this.#bindings = bindings;
    this.#fallback = fallback;
  }

  // Goes to another screen. What is typed until it is there belongs to none.
  leave(hash) {
    this.use([]);
    location.hash = hash;
  }

  get bindings() {
    return this.#bindings;
  }

  #pressed(event) {
    if (event.isComposing || event.defaultPrevented || document.querySelector("dialog[open]")) return;
    const typing = event.target.closest?.(TYPING);
    const name = (event.ctrlKey || event.metaKey ? "Ctrl+" : "") + (event.altKey ? "Alt+" : "") + event.key;
    if (["Enter", " "].includes(name) && event.target.closest?.(OWN)) return;
    const quiet = typing || !singleKeys();
    const found = this.#bindings.find((each) => each.keys.includes(name) && (!quiet || each.typing));
    if (found) {
      event.preventDefault();
      found.run(event);
    } else if (!quiet && !name.startsWith("Ctrl+") && !name.startsWith("Alt+") && this.#fallback(event.key)) {
      event.preventDefault();
    }
  }
}
