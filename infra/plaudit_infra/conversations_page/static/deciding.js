// Sends to reviewers, corrects and erases. Each asks first, and says what it did.

import { $, ask, element, tell } from "./asking.js";
import { wholeMessage } from "./drawing.js";

function answerOf(dialog) {
  dialog.returnValue = "cancel";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "go"), { once: true });
  });
}

async function attempt(act) {
  try {
    return await act();
  } catch (error) {
    tell(error.message, true);
    return null;
  }
}

// `message`: null sends the whole conversation.
export async function send(conversation, message) {
  const found = await attempt(() => ask("queues"));
  if (!found) return;
  const fitting = found.queues.filter((queue) => fits(queue.target, message));
  if (!fitting.length) {
    tell(message ? "No published rubric is about such a message." : "No published rubric is about whole conversations; send one of the messages.", true);
    return;
  }
  $("rubric").replaceChildren(...fitting.map((queue) => {
    const option = element("option", `${queue.title} (${queue.rubric} ${queue.version}: ${queue.target})`);
    option.value = queue.rubric;
    return option;
  }));
  if (!await answerOf($("sending"))) return;
  const sent = await attempt(() => ask("send", { id: conversation.id, rubric: $("rubric").value, message: message?.id ?? "" }));
  if (sent) tell(`Sent to ${sent.rubric}. Reviewers get it within seconds.`);
}

function fits(target, message) {
  if (!message) return target === "conversation";
  return target !== "conversation" && (message.role === "assistant" || (message.role === "user" && target !== "answer"));
}

// Returns whether a correction was sent.
export async function correct(conversation, message) {
  const whole = await attempt(() => wholeMessage(message));
  if (!whole) return false;
  $("correction").value = whole.text;
  if (!await answerOf($("correcting"))) return false;
  const sent = await attempt(() => ask("correct", { id: conversation.id, message: message.id, content: $("correction").value }));
  if (sent) tell("The correction is sent. It is shown here once the worker has taken it.");
  return Boolean(sent);
}

// Returns whether the conversation was erased.
export async function erase(conversation) {
  $("erasing-id").textContent = conversation.id;
  $("typed").value = "";
  $("reason").value = "";
  $("erase-now").disabled = true;
  $("typed").oninput = () => { $("erase-now").disabled = $("typed").value !== conversation.id; };
  if (!await answerOf($("erasing"))) return false;
  const done = await attempt(() => ask("erase", { id: conversation.id, typed: $("typed").value, reason: $("reason").value }));
  return Boolean(done);
}
