// Marks messages with their ids, and tells the server what people do with them: copying, and how long an
// answer is looked at. Gradio says neither of which message that is.
"use strict";
(() => {
  const TICK_MS = 1000;
  const AWAY_AFTER_MS = 60_000; // nobody looks at a page that they have not touched for a minute
  const LOG = "#chat-log .message-row";
  const seconds = new Map(); // message id -> seconds on screen
  const sent = new Map(); // message id -> seconds that the server was told
  let shown = [];
  let drawn = 0; // the newest drawing
  let touched = Date.now();
  let ticked = Date.now();

  function readShown() {
    const holder = document.querySelector("#shown [data-shown]");
    try {
      return holder ? JSON.parse(holder.dataset.shown) : [];
    } catch {
      return [];
    }
  }

  // The answers to two quick clicks may come in the wrong order, and the older drawing would stay.
  function redrawIfOlder() {
    const holder = document.querySelector("#shown [data-drawn]");
    const number = Number(holder && holder.dataset.drawn);
    if (!number || number === drawn) return;
    if (number < drawn) document.querySelector("#redraw").click();
    drawn = number; // of a server that started anew, too
  }

  function put(element, name, value) {
    if (!element) return;
    if (value) element.dataset[name] = value;
    else delete element.dataset[name];
  }

  // The server forgets; the browser does not, so that nobody is asked twice.
  function keepConsent() {
    const holder = document.querySelector("#shown [data-consent]");
    const consent = holder && holder.dataset.consent;
    if (consent !== "granted" && consent !== "denied") return;
    const secure = location.protocol === "https:" ? "; Secure" : "";
    const cookie = `plaudit_consent=${consent}`;
    if (!document.cookie.split("; ").includes(cookie))
      document.cookie = `${cookie}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
  }

  function mark() {
    const before = shown;
    shown = readShown();
    document.querySelectorAll(LOG).forEach((row, index) => {
      const message = shown[index] || {};
      const bubble = row.querySelector(".message");
      put(row, "messageId", message.id);
      put(bubble, "note", message.note);
      put(bubble, "problem", message.problem ? "yes" : "");
      put(bubble, "selected", message.selected ? "yes" : "");
    });
    keepConsent();
    tell(leftBehind(before));
  }

  // What is not read any more: answers that are gone, and the last one when another message follows it.
  function leftBehind(before) {
    const last = before.at(-1);
    return before
      .filter((one) => !shown.some((now) => now.id === one.id) || (one === last && shown.at(-1).id !== one.id))
      .map((one) => one.id);
  }

  function answerOf(element) {
    const row = element && element.closest && element.closest(".message-row");
    const id = row && row.dataset.messageId;
    return id && shown.some((one) => one.id === id && one.answer) ? id : null;
  }

  function post(signals) {
    if (!signals.length) return;
    const body = new Blob([JSON.stringify({ signals })], { type: "application/json" });
    navigator.sendBeacon("signals", body);
  }

  function copied(id) {
    if (id) post([{ message_id: id, name: "copied" }]);
  }

  function tell(ids) {
    const signals = [];
    for (const id of ids) {
      const whole = Math.round(seconds.get(id) || 0);
      if (whole < 1 || whole === sent.get(id)) continue;
      sent.set(id, whole);
      signals.push({ message_id: id, name: "dwell_seconds", number: whole });
    }
    post(signals.slice(0, 100));
  }

  function inSight(row) {
    const box = row.getBoundingClientRect();
    const frame = document.querySelector("#chat-log").getBoundingClientRect();
    const top = Math.max(box.top, frame.top, 0);
    const bottom = Math.min(box.bottom, frame.bottom, innerHeight);
    const seen = bottom - top;
    return seen > 0 && (seen >= box.height / 2 || seen >= frame.height / 2);
  }

  function tick() {
    const now = Date.now();
    const passed = Math.min(now - ticked, 2 * TICK_MS) / 1000; // no more after the machine slept
    ticked = now;
    if (document.visibilityState !== "visible" || now - touched > AWAY_AFTER_MS) return;
    document.querySelectorAll(LOG).forEach((row) => {
      const id = answerOf(row);
      if (id && shown.some((one) => one.id === id && one.done) && inSight(row))
        seconds.set(id, (seconds.get(id) || 0) + passed);
    });
  }

  document.addEventListener("copy", () => {
    const selection = document.getSelection();
    const node = selection && !selection.isCollapsed && selection.anchorNode;
    copied(node && answerOf(node.nodeType === Node.ELEMENT_NODE ? node : node.parentElement));
  });
  document.addEventListener(
    "click",
    (event) => {
      if (!event.target.closest) return;
      const button = event.target.closest("#chat-log button");
      if (event.target.matches("#model input")) event.target.select(); // typing replaces the name, and finds
      if (event.target.closest("#clear")) tell(seconds.keys()); // before the chat is gone
      if (!button) return;
      const code = button.closest(".code_wrap");
      if (code) return copied(answerOf(code));
      // The first button below a message copies it; while it is edited, the first one submits.
      const panel = button.closest(".message-buttons");
      const row = panel && panel.previousElementSibling;
      if (!row || row.querySelector("textarea") || panel.querySelector("button") !== button) return;
      copied(answerOf(row));
    },
    true,
  );
  for (const name of ["pointermove", "pointerdown", "keydown", "wheel", "touchstart", "scroll"])
    document.addEventListener(name, () => (touched = Date.now()), { capture: true, passive: true });
  document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && tell(seconds.keys()));
  addEventListener("pagehide", () => {
    tick(); // what has passed since the last one
    tell(seconds.keys());
  });
  setInterval(tick, TICK_MS);

  let waiting = false;
  new MutationObserver(() => {
    redrawIfOlder(); // at once: until the next frame, another drawing may come
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      mark();
    });
  }).observe(document.documentElement, { childList: true, subtree: true, characterData: true, attributes: true, attributeFilter: ["data-shown", "data-drawn"] });
})();
