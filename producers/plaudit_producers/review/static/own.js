// What a reviewer is told of the queue and of their own work.

import { button, count, make, percent } from "./dom.js";

export function nothingLeft(queue, lookAgain) {
  const others = queue.progress?.leased ?? 0;
  return [
    make("h2", { textContent: "Nothing left for you here", tabIndex: -1 }),
    make("p", { textContent: others ? `Others are working on ${count(others, "answer")}; what they leave comes back to the queue.` : "New items come as people chat." }),
    make("p", { className: "hint", textContent: "The page looks again by itself." }),
    make("p", { className: "actions" }, button("Look again", lookAgain, { className: "main" }), make("a", { href: "#", textContent: "All queues" })),
  ];
}

// One sentence; nothing while there is nothing to say.
export function ownQuality({ quality }) {
  const parts = [];
  const { controls, majority } = quality ?? {};
  if (controls?.count) parts.push(`${percent(controls.share)} right on control questions (${controls.right} of ${controls.count}; 95 % interval ${percent(controls.low)} to ${percent(controls.high)})`);
  if (majority?.count) parts.push(`${percent(majority.share)} as most others said (${majority.right} of ${majority.count})`);
  return parts.length ? `You: ${parts.join(" · ")}` : "";
}
