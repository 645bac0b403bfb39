// Small charts as SVG. A mark is a link to the traces that it counts, with its figures as its label.

/** Round values from low to high, about `count` of them. */
function ticks(low, high, count = 5) {
  const raw = (high - low || 1) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((width) => width >= raw * 0.999);
  const first = Math.ceil(low / step - 1e-9);
  const found = [];
  for (let n = first; n * step <= high + step * 1e-9; n++) found.push(+(n * step).toPrecision(12));
  return found;
}

/** At most so many of the values, evenly apart. */
const thinned = (values, most) => values.filter((_, place) => place % Math.ceil(values.length / most) === 0);

/** Axes. `x` and `y` are [low, high]; returns the drawing and the two scales. */
function plane(
  width,
  height,
  { x, y, xTicks, yTicks, xText = String, yText = String, xLabel = "", right = 16, left = 44, top = 14 },
) {
  const bottom = xLabel ? 42 : 26;
  const scale =
    ([low, high], from, to) =>
    (value) =>
      from + ((value - low) / (high - low || 1)) * (to - from);
  const X = scale(x, left, width - right);
  const Y = scale(y, height - bottom, top);
  const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "group" });
  const lines = yTicks.map((value) => svg("line", { class: "grid", x1: left, x2: width - right, y1: Y(value), y2: Y(value) }));
  const names = yTicks.map((value) => svg("text", { class: "tick end", x: left - 8, y: Y(value) + 4 }, yText(value)));
  const below = xTicks.map((value) => svg("text", { class: "tick middle", x: X(value), y: height - bottom + 18 }, xText(value)));
  const label = xLabel ? svg("text", { class: "tick middle", x: (left + width - right) / 2, y: height - 6 }, xLabel) : null;
  root.append(svg("g", { "aria-hidden": "true" }, lines, names, below, ...(label ? [label] : [])));
  return { root, X, Y };
}

/** What a pointer or the keyboard reaches: a link if it counts traces. */
function mark(href, label, ...shapes) {
  const properties = { class: "mark", "data-tip": label, "aria-label": label };
  return href ? svg("a", { ...properties, href }, shapes) : svg("g", { ...properties, role: "img" }, shapes);
}

const path = (points) => points.map(([x, y], place) => `${place ? "L" : "M"}${x.toFixed(1)},${y.toFixed(1)}`).join("");

/** A round mark for deployed tasks and a diamond for held-out ones, so that colour alone tells nothing. */
function dot(x, y, split, radius = 4.5) {
  const r = radius + 1;
  return split === "heldout"
    ? svg("path", { class: `dot ${split}`, d: `M${x},${y - r}L${x + r},${y}L${x},${y + r}L${x - r},${y}Z` })
    : svg("circle", { class: `dot ${split}`, cx: x, cy: y, r: radius });
}

const halo = (x, y) => svg("circle", { class: "halo", cx: x, cy: y, r: 14 });

/**
 * Curves by generation. A line is {split, points: [{x, y, low, high, label, href, text}]}; `text` stands at the point.
 */
function curves(width, lines, { height = 260, from = null, yText, xLabel = "generation", unit = 1 }) {
  const all = lines.flatMap((line) => line.points);
  const xs = [...new Set(all.map((point) => point.x))].sort((a, b) => a - b);
  const top = Math.max(...all.map((point) => point.high ?? point.y));
  const least = Math.min(...all.map((point) => point.low ?? point.y));
  const low = from ?? least - 0.15 * (top - least || 1);
  const high = Math.max(top + 0.08 * (top - low), low + unit * 1e-3);
  const pad = xs.length > 1 ? 0.03 * (xs.at(-1) - xs[0]) : 1;
  const x = [xs[0] - pad, xs.at(-1) + pad];
  const yTicks = ticks(low, high);
  const { root, X, Y } = plane(width, height, {
    x,
    y: [low, high],
    xTicks: thinned(xs, width / 44),
    yTicks,
    yText,
    xLabel,
    left: 52,
  });
  const roomy = (X(x[1]) - X(x[0])) / Math.max(1, xs.length - 1) > 42;
  const above = (p, line) =>
    lines.every(
      (other) => other === line || other.points.every(({ x, y }) => x !== p.x || y < p.y || (y === p.y && line === lines[0])),
    );
  for (const { split, points } of lines) {
    const banded = points.filter((point) => point.low !== undefined);
    const band = [...banded.map((p) => [X(p.x), Y(p.high)]), ...banded.map((p) => [X(p.x), Y(p.low)]).reverse()];
    if (band.length) root.append(svg("path", { class: `band ${split}`, d: `${path(band)}Z` }));
    root.append(svg("path", { class: `curve ${split}`, d: path(points.map((p) => [X(p.x), Y(p.y)])) }));
  }
  for (const line of lines) {
    const { split, points } = line;
    for (const [place, p] of points.entries()) {
      const named = p.text && (roomy || place === 0 || place === points.length - 1);
      const text = named
        ? svg("text", { class: `value middle ${split}`, x: X(p.x), y: Y(p.y) + (above(p, line) ? -11 : 21) }, p.text)
        : null;
      root.append(mark(p.href, p.label, halo(X(p.x), Y(p.y)), dot(X(p.x), Y(p.y), split), ...(text ? [text] : [])));
    }
  }
  return root;
}

/** Bars up and down from a middle line: {x, up: {value, label, href}, down: {...}} for each split in turn. */
function updown(width, groups, { height = 230 }) {
  const bars = groups.flatMap((group) => group.bars);
  const high = Math.max(1, ...bars.map((bar) => bar.up.value)) * 1.18;
  const low = -Math.max(1, ...bars.map((bar) => bar.down.value)) * 1.25;
  const { root, X, Y } = plane(width, height, {
    x: [0, groups.length],
    y: [low, high],
    xTicks: [],
    yTicks: ticks(low, high),
    yText: (value) => number(Math.abs(value)),
    xLabel: "generation",
  });
  const slot = X(1) - X(0);
  const thick = Math.min(26, (slot * 0.7) / groups[0].bars.length);
  for (const [place, group] of groups.entries()) {
    const named = place % Math.ceil(groups.length / (width / 44)) === 0;
    if (named) root.append(svg("text", { class: "tick middle", x: X(place + 0.5), y: height - 24 }, group.name));
    for (const [n, bar] of group.bars.entries()) {
      const x = X(place + 0.5) + (n - group.bars.length / 2) * (thick + 3);
      for (const [way, { value, label, href }] of Object.entries({ up: bar.up, down: bar.down })) {
        const [from, to] = way === "up" ? [Y(value), Y(0)] : [Y(0), Y(-value)];
        const text = svg(
          "text",
          { class: "value middle small", x: x + thick / 2, y: way === "up" ? from - 4 : to + 12 },
          number(value),
        );
        const box = svg("rect", { class: `bar ${bar.split} ${way}`, x, y: from, width: thick, height: Math.max(0, to - from) });
        if (value) root.append(mark(href, label, box, ...(thick > 13 ? [text] : [])));
      }
    }
  }
  root.append(svg("line", { class: "axis", x1: X(0), x2: X(groups.length), y1: Y(0), y2: Y(0) }));
  return root;
}

/** One histogram below the other over one axis from `reach[0]` to `reach[1]`: {name, bins: [[first, count]], middle}. */
function ridges(width, rows, { bin, reach, split, label, href, middleLabel, xLabel }) {
  const [step, top, left, right] = [Math.max(34, Math.min(52, 420 / rows.length)), 8, 52, 18];
  const height = top + rows.length * step + 44;
  const [low, high] = reach;
  const most = Math.max(...rows.flatMap((row) => row.bins.map(([, count]) => count)));
  const { root, X } = plane(width, height, {
    x: [low, high],
    y: [0, 1],
    xTicks: ticks(low, high, Math.max(3, width / 80)).filter(Number.isInteger),
    yTicks: [],
    xText: number,
    xLabel,
    left,
    right,
  });
  for (const [place, row] of rows.entries()) {
    const floor = top + (place + 1) * step;
    root.append(svg("text", { class: "tick end", x: left - 10, y: floor - 3 }, row.name));
    root.append(svg("line", { class: "grid", x1: left, x2: width - right, y1: floor, y2: floor }));
    for (const [first, count] of row.bins) {
      const tall = Math.max(1.5, (count / most) * (step - 7));
      const box = svg("rect", {
        class: `bar ${split}`,
        x: X(first) + 0.5,
        y: floor - tall,
        width: Math.max(1.5, X(first + bin) - X(first) - 1),
        height: tall,
      });
      const reach = svg("rect", {
        class: "reach",
        x: X(first),
        y: floor - step + 4,
        width: Math.max(2, X(first + bin) - X(first)),
        height: step - 4,
      });
      root.append(mark(href(row, first), label(row, first, count), reach, box));
    }
    if (row.middle !== null) {
      const x = X(row.middle + (bin > 1 ? 0 : 0.5));
      const shape = svg("path", { class: "middle-line", d: `M${x},${floor - step + 6}V${floor + 3}` });
      root.append(mark(null, middleLabel(row), shape));
    }
  }
  return root;
}

/** Horizontal bars of parts: {name, parts: [{kind, value, label, href}]}. */
function stacked(width, rows, { text, kinds }) {
  const [step, left, right] = [30, 66, 78];
  const totals = rows.map((row) => row.parts.reduce((sum, part) => sum + part.value, 0));
  const most = Math.max(...totals, 1e-9);
  const height = rows.length * step + 6;
  const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "group" });
  for (const [place, row] of rows.entries()) {
    const y = place * step + 4;
    let x = left;
    root.append(svg("text", { class: "tick end", x: left - 10, y: y + 15 }, row.name));
    for (const part of row.parts) {
      const wide = (part.value / most) * (width - left - right);
      const shade = `bar kind-${kinds.indexOf(part.kind)}`;
      if (part.value > 0)
        root.append(
          mark(part.href, part.label, svg("rect", { class: shade, x, y, width: Math.max(1, wide - 1), height: step - 9 })),
        );
      x += wide;
    }
    root.append(svg("text", { class: "value", x: x + 6, y: y + 15 }, text(totals[place])));
  }
  return root;
}

/** The mean over a tenth of the curve around each point. */
function smoothed(points) {
  const half = Math.ceil(points.length / 20);
  return points.map(([x], place) => {
    const near = points.slice(Math.max(0, place - half), place + half + 1);
    return [x, near.reduce((sum, [, y]) => sum + y, 0) / near.length];
  });
}

/** Loss by step, a line for each generation: {name, shade, points, validation, label, href}. */
function losses(width, lines, { height = 260 }) {
  const points = lines.flatMap((line) => [...line.points, ...line.validation]);
  const xHigh = Math.max(...points.map(([x]) => x));
  const ys = points.map(([, y]) => y).sort((a, b) => a - b);
  const high = ys[Math.floor(0.985 * (ys.length - 1))] * 1.1 || 1; // a few first steps must not flatten the rest
  const { root, X, Y } = plane(width, height, {
    x: [0, xHigh],
    y: [0, high],
    xTicks: ticks(0, xHigh, width / 110),
    yTicks: ticks(0, high),
    xText: number,
    xLabel: "step of training",
    left: 56,
    right: 46,
  });
  for (const line of lines) {
    const inside = (y) => Math.max(Y(y), Y(high));
    const at = line.points.map(([x, y]) => [X(x), inside(y)]);
    const drawn = at.length ? path(at) : "M0,0";
    const calm = smoothed(line.points).map(([x, y]) => [X(x), inside(y)]);
    const shape = [
      svg("path", { class: "reach-line", d: drawn }),
      svg("path", { class: `curve raw shade-${line.shade}`, d: drawn }),
      svg("path", { class: `curve shade-${line.shade}`, d: calm.length ? path(calm) : "M0,0" }),
    ];
    const end = calm.at(-1);
    if (end) shape.push(svg("text", { class: "value", x: end[0] + 5, y: end[1] + 4 }, line.name));
    const valid = line.validation.map(([x, y]) =>
      svg("path", { class: `diamond shade-${line.shade}`, d: `M${X(x)},${inside(y) - 6}l6,6l-6,6l-6,-6Z` }),
    );
    root.append(mark(line.href, line.label, shape, valid));
  }
  return root;
}
