// The dialogs: keys, guidelines, and the reason for a decline.

import { $, make } from "./dom.js";
import { setSingleKeys, singleKeys } from "./keys.js";

const SPOKEN = { " ": "Space", Escape: "Esc", Backspace: "⌫", "Ctrl+Enter": "Ctrl Enter" };

export function showHelp(bindings) {
  $("help").querySelector("tbody").replaceChildren(...bindings.filter((each) => each.says).map(({ keys, says, shown }) =>
    make("tr", {}, make("td", {}, ...(shown ?? keys.slice(0, 2)).flatMap((key, at) => [at ? " " : "", make("kbd", { textContent: SPOKEN[key] ?? key })])), make("td", { textContent: says }))));
  $("single-keys").checked = singleKeys();
  $("single-keys").onchange = (event) => setSingleKeys(event.target.checked);
  $("help").showModal();
}

export function showGuidelines(html) {
  $("guidelines-text").innerHTML = html || "<p>This rubric has no guidelines.</p>";
  $("guidelines").showModal();
  $("guidelines-text").scrollTop = 0;
}

// The reason, or null if it was thought better of.
export function askReason() {
  const dialog = $("decline"), reason = $("reason"), send = dialog.querySelector("[value=send]");
  reason.value = "";
  send.disabled = true;
  dialog.returnValue = "cancel";
  reason.oninput = () => { send.disabled = !reason.value.trim(); };
  reason.onkeydown = (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !send.disabled) dialog.close("send"); };
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "send" ? reason.value.trim() : null), { once: true });
  });
}
