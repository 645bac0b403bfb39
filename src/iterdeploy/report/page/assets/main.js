// Start: which view an address asks for, the keys, light and dark, and the words at a mark.

let view = null; // of the traces, made when it is first asked for
let run = null;

/** Go to the traces of a filter; `quietly` leaves no step to go back to. */
function go(filter, quietly = false) {
  const hash = tracesLink(filter);
  if (!quietly) location.hash = hash;
  else {
    history.replaceState(null, "", hash);
    route();
  }
}

async function route() {
  const hash = decodeURIComponent(location.hash.slice(1).split("?")[0]);
  const traces = hash === "traces";
  byId("report-view").hidden = traces;
  byId("traces-view").hidden = !traces;
  document.body.classList.toggle("in-traces", traces);
  for (const [id, here] of [["to-report", !traces], ["to-traces", traces]]) {
    if (here) byId(id).setAttribute("aria-current", "page");
    else byId(id).removeAttribute("aria-current");
  }
  if (traces) {
    view ??= new TracesView(run, byId("traces-view"));
    await view.show(filterOf(location.hash)).catch(complain);
  } else {
    drawAll();
    const target = hash && hash !== "report" ? byId(hash) : null;
    if (target) target.scrollIntoView();
    else if (hash === "report") scrollTo(0, 0);
  }
}

function complain(error) {
  byId("main").prepend(el("p", { class: "notice", role: "alert" }, `This page cannot show its data: ${error.message}.`));
}

// --- keys ---

const KEYS = [
  ["j, k", "the next trace, the one before", { j: () => view?.step(1), k: () => view?.step(-1) }],
  ["← →", "one step of the plan back, on", { ArrowLeft: () => players.forEach((one) => one.move(-1)), ArrowRight: () => players.forEach((one) => one.move(1)) }],
  ["space", "play the plan, or pause", { " ": () => players.forEach((one) => one.toggle()) }],
  ["c", "the same task by another generation beside it", { c: () => view?.toggleBeside() }],
  ["/", "search the traces", { "/": () => search() }],
  ["r, t", "the report, the traces", { r: () => (location.hash = "#report"), t: () => (location.hash = "#traces") }],
  ["d", "light or dark", { d: () => switchTheme() }],
  ["?", "this list", { "?": () => help() }],
  ["Esc", "leave the search, the trace, or this list", { Escape: () => leave() }],
];
const ACTS = Object.assign({}, ...KEYS.map(([, , acts]) => acts));
const IN_TRACES = new Set(["j", "k", "ArrowLeft", "ArrowRight", " ", "c"]);

function pressed(event) {
  const { key, target } = event;
  if (event.ctrlKey || event.metaKey || event.altKey || byId("keys").open) return;
  const typing = target.matches("input[type=search], select, textarea");
  if (typing && key !== "Escape") return;
  if (target.matches("input[type=range]") && key.startsWith("Arrow")) return;
  if (key === " " && target.matches("button, summary")) return;
  if (target.matches(".list") && (key === "ArrowDown" || key === "ArrowUp")) {
    event.preventDefault();
    return view.step(key === "ArrowDown" ? 1 : -1);
  }
  if (!(key in ACTS) || (IN_TRACES.has(key) && byId("traces-view").hidden)) return;
  if ((key === " " || key.startsWith("Arrow")) && !players.size) return;
  event.preventDefault();
  ACTS[key]();
}

async function search() {
  if (byId("traces-view").hidden) {
    history.pushState(null, "", "#traces");
    await route();
  }
  view.form.elements.text.focus();
}

function leave() {
  if (document.activeElement?.matches("input, select")) document.activeElement.blur();
  else if (view?.filter.trace && !byId("traces-view").hidden) go({ ...view.filter, trace: "", beside: "" });
}

function help() {
  const rows = KEYS.map(([keys, what]) => [el("dt", {}, keys.split(/, | (?=→)/).map((key) => el("kbd", {}, key))), el("dd", {}, what)]);
  byId("keys").replaceChildren(el("h2", { id: "keys-title" }, "Keyboard"), el("dl", {}, rows),
    el("p", { class: "says" }, "Every point, bar and cell of a figure leads to the traces that it counts; the address keeps the filter, so that it can be sent on."),
    el("form", { method: "dialog" }, el("button", { autofocus: true }, "Close")));
  byId("keys").showModal();
}

// --- light and dark ---

function switchTheme() {
  const dark = document.documentElement.dataset.theme ? document.documentElement.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "light" : "dark";
  try {
    localStorage.setItem("iterdeploy-theme", document.documentElement.dataset.theme);
  } catch { /* a browser that keeps nothing for pages from the disk */ }
}

function recallTheme() {
  try {
    const theme = localStorage.getItem("iterdeploy-theme");
    if (theme) document.documentElement.dataset.theme = theme;
  } catch { /* likewise */ }
}

// --- the words at a mark, for a pointer and for the keyboard ---

function tips() {
  const tip = el("div", { class: "tip", "aria-hidden": "true", hidden: true });
  document.body.append(tip);
  const show = ({ target }) => {
    const marked = target.closest?.("[data-tip]");
    tip.hidden = !marked;
    if (!marked) return;
    tip.textContent = marked.dataset.tip;
    const [at, own] = [marked.getBoundingClientRect(), tip.getBoundingClientRect()];
    const above = at.top - own.height - 8;
    tip.style.left = `${Math.max(8, Math.min(innerWidth - own.width - 8, at.left + at.width / 2 - own.width / 2))}px`;
    tip.style.top = `${above > 8 ? above : at.bottom + 8}px`;
  };
  for (const kind of ["pointerover", "focusin"]) document.addEventListener(kind, show);
  document.addEventListener("scroll", () => (tip.hidden = true), { capture: true, passive: true });
}

async function start() {
  recallTheme();
  run = await block("summary");
  byId("name").textContent = `${run.numbers.name}, seed ${run.numbers.seed}`;
  showReport(run);
  tips();
  byId("theme").addEventListener("click", switchTheme);
  byId("help").addEventListener("click", help);
  document.addEventListener("keydown", pressed);
  addEventListener("hashchange", route);
  await route();
  document.documentElement.dataset.ready = "true";
}

start().catch(complain);
