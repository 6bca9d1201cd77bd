// The page of data sets: asks for rows, shows them as text and never as HTML, and sends exclusions.

const $ = (id) => document.getElementById(id);
const FIELDS = ["snapshot", "subset", "split", "text"];
const SPLITS = ["train", "validation", "test"];
const LEFT_OUT = "Excluded: snapshots that are built from now on leave it out.";
const JUDGED = new Set(["completion", "chosen", "rejected"]);
let known = [], excludes = false, shown = 0, latest = 0;

async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(`/datasets/${path}`, options);
  } catch {
    throw new Error("The console cannot be reached.");
  }
  if (answer.status === 401) location.assign("/sign-in?next=/datasets");
  const content = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(content.detail ?? `The console answered ${answer.status}.`);
  return content;
}

function problem(text) {
  $("problem").hidden = !text;
  $("problem").textContent = text ?? "";
}

function option(value, text = value) {
  const made = document.createElement("option");
  made.value = value;
  made.textContent = text;
  return made;
}

function fill(select, options, wanted) {
  select.replaceChildren(...options);
  if (options.some((each) => each.value === wanted)) select.value = wanted;
}

function fillSubsets(wanted = {}) {
  const subsets = known.find((each) => each.name === $("snapshot").value)?.subsets ?? {};
  const kept = wanted.subset ?? $("subset").value;
  const options = Object.entries(subsets).map(([name, splits]) =>
    option(name, `${name} (${Object.values(splits).reduce((sum, rows) => sum + rows, 0).toLocaleString()})`));
  // Training rows first: they are what people come to read.
  options.sort((a, b) => (a.value === "conversations") - (b.value === "conversations"));
  fill($("subset"), options, kept);
  fillSplits(wanted);
}

function fillSplits(wanted = {}) {
  const splits = known.find((each) => each.name === $("snapshot").value)?.subsets[$("subset").value] ?? {};
  const options = SPLITS.filter((name) => splits[name]).map((name) => option(name, `${name} (${splits[name].toLocaleString()})`));
  fill($("split"), [option("", "all"), ...options], wanted.split ?? $("split").value);
}

async function begin() {
  const wanted = Object.fromEntries(new URLSearchParams(location.search));
  try {
    const found = await ask("snapshots");
    known = found.snapshots;
    excludes = found.excludes;
    $("odd").hidden = !found.problems.length;
    $("odd").open = !known.length;
    $("odd").querySelector("ul").replaceChildren(...found.problems.map((text) => {
      const line = document.createElement("li");
      line.textContent = text;
      return line;
    }));
    $("empty").hidden = known.length > 0;
    $("search").hidden = !known.length;
    if (found.reads) { problem(found.reads); return; }
  } catch (error) {
    problem(error.message);
    return;
  }
  if (!known.length) return;
  fill($("snapshot"), known.map((each) => option(each.name, each.as_of ? `${each.name}, as of ${each.as_of.slice(0, 10)}` : each.name)), wanted.snapshot);
  $("text").value = wanted.text ?? "";
  fillSubsets(wanted);
  await search();
}

async function search() {
  const asked = new URLSearchParams(FIELDS.map((name) => [name, $(name).value]));
  history.replaceState(null, "", `?${asked}`);
  shown = 0;
  $("rows").replaceChildren();
  $("pages").hidden = true;
  if ($("subset").value) await load();
  else $("told").textContent = "This snapshot has no rows.";
}

async function load() {
  const mine = ++latest; // a slow answer to an earlier search must not follow a later one
  const asked = new URLSearchParams([...FIELDS.map((name) => [name, $(name).value]), ["skip", shown]]);
  $("told").textContent = "Searching ...";
  $("more").disabled = true;
  try {
    const found = await ask(`rows?${asked}`);
    if (mine !== latest) return;
    problem("");
    $("rows").append(...found.rows.map((row) => drawRow({ ...row, snapshot_id: found.snapshot_id })));
    shown += found.rows.length;
    $("pages").hidden = !found.more;
    $("told").textContent = shown ? `${shown} ${shown === 1 ? "row" : "rows"}${found.more ? ", and there are more" : ""}.` : "No row fits.";
    for (const said of $("rows").querySelectorAll(".said:not([data-seen])")) offerAll(said);
  } catch (error) {
    if (mine !== latest) return;
    $("told").textContent = "";
    problem(error.message);
  } finally {
    if (mine === latest) $("more").disabled = false;
  }
}

function drawRow(row) {
  const item = $("row").content.cloneNode(true).firstElementChild;
  const article = item.querySelector("article");
  article.setAttribute("aria-label", row.conversation);
  item.querySelector(".name").append(isolated(row.conversation));
  item.querySelector("dl").replaceChildren(...[["split", row.split], ...row.facts].map(([name, value]) => {
    const pair = document.createElement("div"), term = document.createElement("dt"), told = document.createElement("dd");
    term.textContent = name;
    told.append(isolated(value));
    pair.append(term, told);
    return pair;
  }));
  item.querySelector(".texts").replaceChildren(...row.texts.map(drawMessage));
  if (row.more_texts) item.querySelector(".texts").append(`and ${row.more_texts} more messages`);
  item.querySelector("[data-what=answer]").textContent = row.judged > 1 ? "Exclude both answers" : "Exclude the answer";
  item.querySelector("[data-what=answer]").toggleAttribute("data-none", !row.judged);
  item.querySelector(".actions").hidden = !excludes;
  for (const button of item.querySelectorAll(".actions button")) {
    button.addEventListener("click", () => decide(article, row, button.dataset.what));
  }
  if (row.excluded) article.dataset.what = row.excluded;
  mark(article, Boolean(row.excluded), row.excluded ? LEFT_OUT : "");
  return item;
}

function isolated(text) {
  const made = document.createElement("bdi");
  made.textContent = text;
  return made;
}

function drawMessage(message) {
  const box = document.createElement("div"), who = document.createElement("p"), said = document.createElement("p");
  const column = document.createElement("b");
  box.className = "message";
  who.className = "who";
  column.textContent = message.column;
  who.append(column, isolated(message.role));
  said.className = JUDGED.has(message.column) ? "said judged" : "said";
  said.dir = "auto";
  said.textContent = message.text;
  box.append(who, said);
  return box;
}

// A text that does not fit gets a button. It can be asked only once the row is on the page.
function offerAll(said) {
  said.dataset.seen = "";
  if (said.scrollHeight <= said.clientHeight + 4) return;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Show all";
  button.setAttribute("aria-expanded", "false");
  button.addEventListener("click", () => {
    const open = said.classList.toggle("open");
    button.textContent = open ? "Show less" : "Show all";
    button.setAttribute("aria-expanded", String(open));
  });
  said.parentElement.append(button);
}

function mark(article, excluded, text, failed = false) {
  if (!failed) {
    article.toggleAttribute("data-excluded", excluded);
    for (const button of article.querySelectorAll(".actions button")) {
      button.hidden = button.hasAttribute("data-none") || (button.dataset.what === "again") !== excluded;
    }
  }
  const done = article.querySelector(".done");
  done.hidden = !text;
  done.textContent = text;
  done.classList.toggle("failed", failed);
}

async function decide(article, row, what) {
  const again = what === "again";
  const target = again ? article.dataset.what : what;
  const reason = again ? "" : await reasonFor(target);
  if (reason === null) return;
  const buttons = article.querySelectorAll(".actions button");
  for (const button of buttons) button.disabled = true;
  try {
    const sent = await ask("exclusions", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({
        snapshot: $("snapshot").value, snapshot_id: row.snapshot_id, file: row.file, row: row.row,
        what: target, excluded: !again, reason,
      }),
    });
    article.dataset.what = target;
    const of = sent.sent > 1 ? ` (${sent.sent} events)` : "";
    mark(article, sent.excluded, sent.excluded ? LEFT_OUT + of : `Let in again.${of}`);
  } catch (error) {
    mark(article, false, error.message, true);
  } finally {
    for (const button of buttons) button.disabled = false;
    // A button that was disabled or is hidden now has lost the focus, and with it a keyboard its place.
    if (document.activeElement === document.body) article.querySelector(".actions button:not([hidden])").focus();
  }
}

async function loadMore() {
  const before = shown;
  await load();
  ($("rows").children[before]?.querySelector("article") ?? $("more")).focus();
}

function reasonFor(what) {
  $("ask-title").textContent = what === "answer" ? "Exclude the answer from training?" : "Exclude the conversation from training?";
  $("reason").value = "";
  $("ask").returnValue = "cancel";
  $("ask").showModal();
  return new Promise((resolve) => {
    $("ask").addEventListener("close", () => resolve($("ask").returnValue === "send" ? $("reason").value : null), { once: true });
  });
}

$("search").addEventListener("submit", (event) => { event.preventDefault(); search(); });
$("snapshot").addEventListener("change", () => { fillSubsets(); search(); });
$("subset").addEventListener("change", () => { fillSplits(); search(); });
$("split").addEventListener("change", search);
$("more").addEventListener("click", loadMore);
begin();
