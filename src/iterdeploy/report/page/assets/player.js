// A plan, step by step, with its picture where the page has one. The program knows no domain: a picture is elements
// with names, and each step says which of their attributes change.

const PACE = 700; // milliseconds a step
const players = new Set(); // those on the page now; the keys move all of them

/**
 * A player of `plan`, a list of steps. `failing` is the number of the step that cannot be done, 0 if there is none;
 * `reason` says why. `picture` is null, or {size, start, moves} as page/pictures.py describes it.
 */
function player(plan, failing, reason, picture) {
  const reach = failing || plan.length; // the last position: after all steps, or at the one that fails
  const list = el("ol", { class: "plan" }, plan.map((step, place) => planStep(step, place + 1, failing, reason, (to) => show(to))));
  const drawn = picture ? canvas(picture, plan) : null;
  const [where, slider] = [el("span", { class: "where" }), el("input", { type: "range", min: 0, max: reach, step: 1, value: 0, "aria-label": "Step of the plan", input: () => show(+slider.value) })];
  const playButton = el("button", { type: "button", class: "play", "aria-label": "Play the plan", click: () => self.toggle() }, "▶");
  const button = (sign, name, act) => el("button", { type: "button", "aria-label": name, click: act }, sign);
  const controls = el("div", { class: "controls" },
    button("⏮", "To the start", () => show(0)), button("◀", "One step back", () => self.move(-1)), playButton,
    button("▶|", "One step on", () => self.move(1)), button("⏭", "To the end", () => show(reach)), slider, where);
  let [at, timer] = [0, null];

  function show(to) {
    at = Math.max(0, Math.min(reach, to));
    slider.value = at;
    const fails = failing && at === failing;
    where.textContent = at ? `step ${at} of ${plan.length}${fails ? " fails" : ""}` : "start";
    drawn?.show(fails ? at - 1 : at);
    drawn?.box.classList.toggle("fails", Boolean(fails));
    for (const [place, item] of [...list.children].entries()) item.toggleAttribute("data-now", place === at - 1);
    const now = list.children[at - 1];
    if (now && list.scrollHeight > list.clientHeight) list.scrollTop = now.offsetTop - list.clientHeight / 2;
    if (at === reach) stop();
  }

  function stop() {
    clearInterval(timer);
    timer = null;
    playButton.textContent = "▶";
    playButton.setAttribute("aria-label", "Play the plan");
  }

  const self = {
    box: el("div", { class: picture ? "player" : "player plain" }, drawn ? el("div", { class: "stage" }, drawn.box, controls) : null, list),
    move(by) { stop(); show(at + by); },
    toggle() {
      if (timer) return stop();
      if (at === reach) show(0);
      playButton.textContent = "⏸";
      playButton.setAttribute("aria-label", "Pause");
      timer = setInterval(() => (self.box.isConnected ? show(at + 1) : stop()), PACE);
    },
  };
  if (picture && plan.length) players.add(self);
  if (!plan.length && drawn) controls.hidden = true;
  show(0);
  return self.box;
}

function planStep(step, place, failing, reason, show) {
  const state = failing && place === failing ? "fails" : failing && place > failing ? "unreached" : "";
  const label = state === "fails" ? el("span", { class: "why" }, "✗ ", hostileLine(reason.replace(/^step \d+: /, ""), 400)) : null;
  return el("li", { class: state }, el("button", { type: "button", class: "step", click: () => show(place) }, hostileLine(step)), label);
}

/** The drawing of a picture; `show(n)` puts it into the state after n steps of the plan. */
function canvas({ size, start, moves }, plan) {
  const elements = new Map();
  const box = svg("svg", { class: "picture", viewBox: `0 0 ${size[0]} ${size[1]}`, role: "img", "aria-label": "The state of the task" });
  const frames = framesOf(moves, plan);
  let at = 0;

  function make([name, tag, attributes, text]) {
    const shape = drawnElement(tag, attributes);
    if (text) shape.textContent = text;
    elements.set(name, shape);
    return shape;
  }

  function reset() {
    elements.clear();
    box.replaceChildren(...start.map(make));
    at = 0;
  }

  function apply(changes) {
    for (const [name, change] of changes) {
      if (change === null) elements.get(name)?.remove();
      else if (Array.isArray(change)) box.append(make([name, ...change]));
      else for (const [key, value] of Object.entries(change)) setDrawn(elements.get(name), key, value);
    }
  }

  reset();
  return {
    box,
    show(step) {
      if (step < at) reset();
      while (at < Math.min(step, frames.length)) apply(frames[at++]);
    },
  };
}

/** What each step of a plan changes, as far as its steps can be done. */
function framesOf(moves, plan) {
  const frames = [];
  let state = 0;
  for (const step of plan) {
    const move = moves[`${state} ${step}`];
    if (!move) break;
    state = move[0];
    frames.push(move[1]);
  }
  return frames;
}

// Nothing but shapes and how they look: a picture is data, and data must not be able to load or to run.
const SHAPES = new Set(["rect", "circle", "ellipse", "line", "path", "polygon", "polyline", "text", "g"]);
const LOOKS = /^(x|y|x1|x2|y1|y2|cx|cy|r|rx|ry|width|height|d|points|transform|fill|stroke|opacity|class|(fill|stroke|font|text|dominant)-[a-z-]+)$/;

function drawnElement(tag, attributes) {
  const shape = svg(SHAPES.has(tag) ? tag : "g");
  for (const [key, value] of Object.entries(attributes)) setDrawn(shape, key, value);
  return shape;
}

function setDrawn(shape, key, value) {
  if (!shape) return;
  if (key === "text") shape.textContent = value;
  else if (value === null) shape.removeAttribute(key);
  else if (LOOKS.test(key) && !/url\(/i.test(value)) shape.setAttribute(key, value);
}
