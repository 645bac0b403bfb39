// A plan, step by step, with its picture where the page has one. The program knows no domain: a picture is elements
// with names, and each step says which of them are new.

const PACE = 700; // milliseconds a step
const players = new Set(); // those on the page now; the keys move all of them

/**
 * A player of `plan`, a list of steps. `failing` is the number of the step that cannot be done, 0 if there is none;
 * `reason` says why. `picture` is null, or {drawing, table} as page/pictures.py makes them.
 */
function player(plan, failing, reason, picture) {
  const reach = failing || plan.length; // the last position: after all steps, or at the one that fails
  const list = el(
    "ol",
    { class: "plan" },
    plan.map((step, place) => planStep(step, place + 1, failing, reason, (to) => show(to))),
  );
  const stage = picture ? canvas(picture.drawing, picture.table) : null;
  const where = el("span", { class: "where" });
  const slider = el("input", {
    type: "range",
    min: 0,
    max: reach,
    step: 1,
    value: 0,
    "aria-label": "Step of the plan",
    input: () => self.move(+slider.value - at),
  });
  const button = (icon, name, act) => el("button", { type: "button", "aria-label": name, title: name, click: act }, iconOf(icon));
  const playButton = button("play", "Play the plan", () => self.toggle());
  const controls = el(
    "div",
    { class: "controls" },
    button("first", "To the start", () => self.move(-at)),
    button("back", "One step back", () => self.move(-1)),
    playButton,
    button("on", "One step on", () => self.move(1)),
    button("last", "To the end", () => self.move(reach)),
    slider,
    where,
  );
  let [at, timer] = [0, null];

  function show(to) {
    at = Math.max(0, Math.min(reach, to));
    slider.value = at;
    const fails = failing && at === failing;
    where.textContent = at ? `step ${at} of ${plan.length}${fails ? " fails" : ""}` : "start";
    stage?.show(fails ? at - 1 : at);
    stage?.box.classList.toggle("fails", Boolean(fails));
    for (const [place, item] of [...list.children].entries()) item.toggleAttribute("data-now", place === at - 1);
    const now = list.children[at - 1];
    if (now && list.scrollHeight > list.clientHeight) list.scrollTop = now.offsetTop - list.clientHeight / 2;
    if (at === reach) stop();
  }

  function stop() {
    clearInterval(timer);
    timer = null;
    named(playButton, "play", "Play the plan");
  }

  const self = {
    box: el(
      "div",
      { class: picture ? "player" : "player plain" },
      stage
        ? el("div", { class: "stage" }, stage.box, stage.notice ? el("p", { class: "faint" }, stage.notice) : null, controls)
        : null,
      list,
    ),
    move(by) {
      stop();
      show(at + by);
    },
    toggle() {
      if (timer) return stop();
      if (at === reach) show(0);
      named(playButton, "pause", "Pause");
      timer = setInterval(() => (self.box.isConnected ? show(at + 1) : stop()), PACE);
    },
  };
  if (stage) players.add(self);
  show(0);
  return self.box;
}

const ICONS = {
  first: "M3 3v10M13 3L6 8l7 5z",
  back: "M11 3L4 8l7 5z",
  play: "M4 2.5L13 8l-9 5.5z",
  pause: "M4 3h3v10H4zM9.5 3h3v10h-3z",
  on: "M5 3l7 5-7 5z",
  last: "M13 3v10M3 3l7 5-7 5z",
};
const iconOf = (name) =>
  svg(
    "svg",
    { viewBox: "0 0 16 16", width: 14, height: 14, "aria-hidden": "true", class: "icon" },
    svg("path", { d: ICONS[name] }),
  );

function named(button, icon, name) {
  button.replaceChildren(iconOf(icon));
  button.setAttribute("aria-label", name);
  button.title = name;
}

function planStep(step, place, failing, reason, show) {
  const state = failing && place === failing ? "fails" : failing && place > failing ? "unreached" : "";
  const label = state === "fails" ? el("span", { class: "why" }, "✗ ", hostileLine(reason.replace(/^step \d+: /, ""), 400)) : null;
  return el(
    "li",
    { class: state },
    el("button", { type: "button", class: "step", click: () => show(place) }, hostileLine(step)),
    label,
  );
}

/** The drawing of a picture; `show(n)` puts it into the state after n steps, or into the last one before that was drawn. */
function canvas({ size, shown, backdrop, frames, notice }, table) {
  const ground = svg(
    "g",
    {},
    backdrop.map((place) => drawn(table[place][1])),
  );
  const layers = { "#": svg("g"), named: svg("g"), "~": svg("g") }; // what has no name stands behind or before the rest
  const box = svg(
    "svg",
    {
      class: "picture",
      viewBox: `0 0 ${size[0]} ${size[1]}`,
      style: `max-width:${Math.round(1.6 * shown)}px`,
      role: "img",
      "aria-label": "The state of the task",
    },
    ground,
    Object.values(layers),
  );
  const nodes = new Map(); // name to the element that shows it, and its place in the table
  const last = frames.at(-1)[0];

  /** What is there after so many frames: name to place in the table. */
  function contents(count) {
    const there = new Map();
    for (const [, fresh, gone] of frames.slice(0, count)) {
      gone.forEach((name) => there.delete(name));
      fresh.forEach((place) => there.set(table[place][0], place));
    }
    return there;
  }

  function show(step) {
    const there = contents(Math.max(1, frames.filter(([number]) => number <= step).length));
    for (const [name, { node }] of nodes) {
      if (!there.has(name)) {
        node.remove();
        nodes.delete(name);
      }
    }
    for (const [name, place] of there) {
      const old = nodes.get(name);
      if (old?.place === place) continue;
      const node = drawn(table[place][1]);
      if (old) glide(old.node, node);
      else (layers[name[0]] ?? layers.named).append(node);
      nodes.set(name, { node, place });
    }
  }

  return { box, show, last, notice };
}

const CALM = matchMedia("(prefers-reduced-motion: reduce)");

/** Put an element in another's place, and let it come from there. */
function glide(old, node) {
  const from = old.isConnected ? old.getBBox() : null;
  old.replaceWith(node);
  const to = from && node.isConnected ? node.getBBox() : null;
  if (!to || CALM.matches || (from.x === to.x && from.y === to.y)) return;
  node.parentNode.append(node); // above all of its kind that it passes
  node.animate([{ transform: `translate(${from.x - to.x}px, ${from.y - to.y}px)` }, { transform: "none" }], {
    duration: 260,
    easing: "ease-out",
  });
}

// Nothing but shapes and how they look: a picture is data, and data must not be able to load or to run.
const SHAPES = new Set(["g", "rect", "circle", "ellipse", "line", "path", "polygon", "polyline", "text", "tspan", "title"]);
const LOOKS =
  /^(x|y|x1|x2|y1|y2|cx|cy|r|rx|ry|width|height|d|points|dx|dy|transform|fill|stroke|opacity|class|(fill|stroke|font|text|dominant)-[a-z-]+)$/;
const parsed = new Map(); // the text of an element to its shape, kept to be copied

function drawn(text) {
  if (!parsed.has(text)) {
    const read = new DOMParser().parseFromString(`<svg xmlns="${SVG}">${text}</svg>`, "image/svg+xml");
    if (parsed.size > 5000) parsed.clear();
    parsed.set(text, allowed(read.documentElement.firstElementChild));
  }
  return parsed.get(text).cloneNode(true);
}

function allowed(element) {
  if (!element || !SHAPES.has(element.localName)) return svg("g");
  const looks = [...element.attributes].filter(({ name, value }) => LOOKS.test(name) && !/url\(/i.test(value));
  const inside = [...element.childNodes].map((child) =>
    child.nodeType === Node.TEXT_NODE ? child.data : child.nodeType === Node.ELEMENT_NODE ? allowed(child) : "",
  );
  return svg(element.localName, Object.fromEntries(looks.map(({ name, value }) => [name, value])), inside);
}
