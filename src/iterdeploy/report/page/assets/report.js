// The report: what was run, and its figures; each has a sentence below it and its numbers as a table.

const SPLITS = { deployed: "deployed", heldout: "held-out" };
const drawings = []; // of all figures that are on the page: drawn again when their width changes

function showReport(run) {
  const { numbers } = run;
  const parts = [opening(run), recipe(run.recipe)];
  if (numbers.generations.length) {
    const figures = FIGURES.flatMap((make) => make(run)).filter(Boolean);
    const links = figures.map((figure) => el("a", { href: `#${figure.id}` }, figure.dataset.short));
    parts.push(el("nav", { class: "contents", "aria-label": "Figures" }, links), figures);
  }
  byId("report-view").replaceChildren(...parts.flat());
  new ResizeObserver(drawAll).observe(byId("report-view"));
}

function drawAll() {
  for (const drawing of drawings) {
    const width = Math.floor(drawing.box.clientWidth);
    if (width && width !== drawing.width) {
      drawing.width = width;
      drawing.box.replaceChildren(drawing.draw(width));
    }
  }
}

function opening({ numbers, seconds }) {
  const rows = numbers.generations;
  const stage =
    rows.length - 1 < numbers.planned
      ? rows.length
        ? `generation ${rows.length - 1} of ${numbers.planned} so far`
        : "no generation is finished yet"
      : `generations 0 to ${numbers.planned}`;
  const spent = seconds.reduce((sum, [, , value]) => sum + value, 0);
  const head = [
    el("h1", {}, numbers.name, el("span", { class: "faint" }, ` seed ${numbers.seed}`)),
    el("p", { class: "lead" }, `${numbers.domain}, ${stage}${spent ? `, ${duration(spent)} of work` : ""}.`),
  ];
  if (!rows.length) return head;
  const [first, last] = [rows[0], rows.at(-1)];
  const tiles = Object.keys(SPLITS)
    .filter((split) => last[split].asked)
    .map((split) => tile(split, first, last));
  const longest = [first, last].map((row) => row.deployed.plan_length?.longest);
  if (longest[1]) {
    tiles.push(
      el(
        "a",
        {
          class: "tile",
          href: tracesLink({ generation: last.number, split: "deployed", verdict: "valid", steps: `${longest[1]}-${longest[1]}` }),
        },
        el("span", { class: "tile-name" }, "longest plan, deployed"),
        el("span", { class: "tile-value" }, longest[0] ? `${longest[0]} → ` : "", el("b", {}, longest[1]), " steps"),
        el("span", { class: "tile-note" }, `generation ${first.number} to ${last.number}`),
      ),
    );
  }
  return [...head, el("div", { class: "tiles" }, tiles)];
}

function tile(split, first, last) {
  const [before, now] = [first[split], last[split]];
  const interval = `${(100 * now.low).toFixed(0)}–${(100 * now.high).toFixed(0)}`;
  return el(
    "a",
    { class: `tile ${split}`, href: tracesLink({ generation: last.number, split, verdict: "valid" }) },
    el("span", { class: "tile-name" }, `${SPLITS[split]} tasks solved`),
    el(
      "span",
      { class: "tile-value" },
      `${before.solved} → `,
      el("b", {}, now.solved),
      el("span", { class: "faint" }, ` of ${now.asked}`),
    ),
    el(
      "span",
      { class: "tile-note" },
      now.ratio ? `${now.ratio.toFixed(2)} times, now ` : "",
      `${percent(now.share)} (95 %: ${interval})`,
    ),
  );
}

function recipe({ facts, changed, whole }) {
  const list = el(
    "dl",
    { class: "facts" },
    facts.map(([name, text]) => [el("dt", {}, name), el("dd", {}, text)]),
  );
  const rows = changed.map(([key, value, usual]) => [
    el("code", {}, key),
    el("code", {}, value),
    el("code", { class: "faint" }, usual),
  ]);
  const differing = `${plural(changed.length, "setting")} that ${changed.length === 1 ? "differs" : "differ"} from the defaults`;
  return el(
    "section",
    { class: "recipe", "aria-labelledby": "recipe-title" },
    el("h2", { id: "recipe-title" }, "What was run"),
    list,
    changed.length
      ? el(
          "details",
          { open: changed.length <= 12 },
          el("summary", {}, differing),
          grid(["setting", "here", "default"], rows, "plain"),
        )
      : el("p", { class: "says" }, "Every setting has its default."),
    el("details", {}, el("summary", {}, "The whole recipe"), el("pre", { class: "code" }, whole)),
  );
}

function grid(head, rows, style = "numbers") {
  const cells = (row, tag) => row.map((cell) => el(tag, tag === "th" ? { scope: "col" } : {}, cell));
  return el(
    "div",
    { class: "scroll", tabindex: 0, role: "region", "aria-label": "Table" },
    el(
      "table",
      { class: style },
      el("thead", {}, el("tr", {}, cells(head, "th"))),
      el(
        "tbody",
        {},
        rows.map((row) => el("tr", {}, cells(row, "td"))),
      ),
    ),
  );
}

/** A figure: panels are {name, draw} or {name, node}; `table` is [head, rows]. */
function figure({ id, short, title, says, panels, table, legend = null }) {
  const boxes = panels.map(({ name, split, draw, node }) => {
    const box = el("div", { class: "drawing" }, node);
    if (draw) drawings.push({ box, draw, width: 0 });
    return el("div", { class: "panel" }, name ? el("h3", { class: split ?? "" }, name) : null, box);
  });
  return el(
    "figure",
    { id, "data-short": short, "aria-labelledby": `${id}-title` },
    el("h2", { id: `${id}-title` }, title),
    legend,
    el("div", { class: `panels of-${boxes.length}` }, boxes),
    el("figcaption", { class: "says" }, says),
    table ? el("details", { class: "as-table" }, el("summary", {}, "The numbers"), grid(...table)) : null,
  );
}

const MOST_ROWS = 16;

/** Of many generations, so many that a figure with a row for each can be read: the first, the last, and some between. */
function someOf(rows) {
  const every = Math.ceil((rows.length - 1) / (MOST_ROWS - 1));
  return rows.length > MOST_ROWS ? rows.filter((_, place) => place % every === 0 || place === rows.length - 1) : rows;
}

const leftOut = (rows) => (rows.length > MOST_ROWS ? ` Of ${rows.length} generations some are drawn.` : "");

const asked = (run) => Object.keys(SPLITS).filter((split) => run.numbers.generations[0][split].asked);
const pair = (run, panel) => asked(run).map((split) => ({ name: SPLITS[split], split, ...panel(split) }));

function legendOf(run, more = []) {
  const keys = asked(run).map((split) =>
    el(
      "span",
      { class: "key" },
      svg(
        "svg",
        { width: 26, height: 14, "aria-hidden": "true" },
        svg("path", { class: `curve ${split}`, d: "M0,7H26" }),
        dot(13, 7, split),
      ),
      SPLITS[split],
    ),
  );
  return el("p", { class: "legend" }, keys, more);
}

// --- the figures, in their order --------------------------------------------------------------

function solvedFigure(run) {
  const rows = run.numbers.generations;
  const lines = asked(run).map((split) => ({
    split,
    points: rows.map((row) => {
      const { solved, asked: of, share, low, high } = row[split];
      return {
        x: row.number,
        y: 100 * share,
        low: 100 * low,
        high: 100 * high,
        text: number(solved),
        label: `generation ${row.number}: ${solved} of ${of} ${SPLITS[split]} tasks solved, ${percent(share)} (95 % interval ${percent(low)} to ${percent(high)})`,
        href: tracesLink({ generation: row.number, split, verdict: "valid" }),
      };
    }),
  }));
  const cells = (row) =>
    asked(run).flatMap((split) => [
      `${row[split].solved} / ${row[split].asked}`,
      `${percent(row[split].share)} (${(100 * row[split].low).toFixed(0)}-${(100 * row[split].high).toFixed(0)})`,
      row[split].ratio?.toFixed(2) ?? "-",
    ]);
  return figure({
    id: "solved",
    short: "Solved",
    title: "Solved by generation",
    legend: legendOf(run),
    panels: [
      {
        draw: (width) => curves(width, lines, { height: Math.min(320, 200 + width / 8), from: 0, yText: (value) => `${value} %` }),
      },
    ],
    says: `Share of tasks with a valid answer; the figure at a point counts the tasks, the band is Wilson's 95 % interval for other tasks of the same kind.${asked(run).includes("heldout") ? " No generation was trained on held-out tasks, so they are the ones to quote." : ""}`,
    table: [
      ["generation", "examples", ...asked(run).flatMap((split) => [SPLITS[split], "share (95 %)", "× gen 0"])],
      rows.map((row) => [row.number, row.number ? row.examples : "-", ...cells(row)]),
    ],
  });
}

function sizeFigure(run) {
  const rows = run.numbers.generations;
  const panel = (split) => {
    const sizes = rows[0][split].by_size.map(({ size }) => size);
    const body = someOf(rows).map((row) =>
      el(
        "tr",
        {},
        el("th", { scope: "row" }, row.number),
        row[split].by_size.map(({ size, asked: of, solved }) => {
          const label = `generation ${row.number}, size ${size}: ${solved} of ${of} ${SPLITS[split]} tasks solved, ${percent(solved / of)}`;
          const link = el(
            "a",
            { class: "cell", href: tracesLink({ generation: row.number, split, size }), "data-tip": label, "aria-label": label },
            Math.round((100 * solved) / of),
          );
          return el(
            "td",
            {
              class: solved / of > 0.55 ? `heat ${split} strong` : `heat ${split}`,
              style: `--share:${((100 * solved) / of).toFixed(1)}%`,
            },
            link,
          );
        }),
      ),
    );
    const head = el(
      "tr",
      {},
      el("th", { scope: "col" }, "gen"),
      sizes.map((size) => el("th", { scope: "col" }, size)),
    );
    return {
      node: el(
        "div",
        { class: "scroll", tabindex: 0, role: "region", "aria-label": `Solved by size, ${SPLITS[split]}` },
        el("table", { class: "heatmap" }, el("thead", {}, head), el("tbody", {}, body)),
      ),
    };
  };
  return figure({
    id: "sizes",
    short: "Sizes",
    title: "Solved by task size",
    panels: pair(run, panel),
    says:
      "Per cent of the tasks of each size (columns) that each generation (rows) solved. Colour that spreads to the right means that larger tasks come within reach, not only that more of the small ones are solved." +
      leftOut(rows),
  });
}

function changeFigure(run) {
  const rows = run.numbers.generations.slice(1);
  if (!rows.length) return null;
  const bar = (row, split) => {
    const one = (way, word) => ({
      value: row[split][way],
      label: `generation ${row.number}: ${plural(row[split][way], `${SPLITS[split]} task`)} ${word}`,
      href: tracesLink({ generation: row.number, split, change: way }),
    });
    return { split, up: one("gained", "newly solved"), down: one("lost", "newly lost") };
  };
  const groups = rows.map((row) => ({ name: row.number, bars: asked(run).map((split) => bar(row, split)) }));
  return figure({
    id: "change",
    short: "Newly solved, lost",
    title: "Newly solved, and newly lost",
    legend: legendOf(run),
    panels: [{ draw: (width) => updown(width, groups, {}) }],
    says: "Upwards: tasks that a generation solved and the one before did not; downwards: the reverse. Where answers are sampled, a part of both is chance: a task that is solved half of the time changes sides half of the time.",
    table: [
      ["generation", ...asked(run).flatMap((split) => [`${SPLITS[split]}, gained`, "lost", "ever solved"])],
      rows.map((row) => [
        row.number,
        ...asked(run).flatMap((split) => [row[split].gained, row[split].lost, row[split].ever_solved]),
      ]),
    ],
  });
}

/** Distributions by generation; `of` names the numbers and the bins, `filter` the traces of a bin. */
function spreadFigure(run, { id, short, title, says, what, bins, of, filter, xLabel }) {
  const panel = (split) => {
    const [bin, rows] = [bins.width, bins[split]];
    const spreads = Object.fromEntries(run.numbers.generations.map((row) => [row.number, row[split][of]]));
    const known = someOf(rows)
      .filter(([, counts]) => counts.length)
      .map(([generation, counts]) => ({ name: generation, bins: counts, middle: spreads[generation]?.median ?? null }));
    if (!known.length) return { node: el("p", { class: "faint" }, `No ${what} yet.`) };
    const range = (first) => (bin === 1 ? `${first}` : `${first} to ${first + bin - 1}`);
    return {
      draw: (width) =>
        ridges(width, known, {
          bin,
          split,
          xLabel,
          reach: bins.reach,
          label: (row, first, count) => `generation ${row.name}: ${plural(count, "answer")} with ${range(first)} ${xLabel}`,
          middleLabel: (row) => `generation ${row.name}: median ${row.middle} ${xLabel}`,
          href: (row, first) => tracesLink({ generation: row.name, split, ...filter(`${first}-${first + bin - 1}`) }),
        }),
    };
  };
  const cells = (spread) => ["mean", "p10", "median", "p90", "longest"].map((name) => (spread ? +spread[name].toFixed(1) : "-"));
  return figure({
    id,
    short,
    title,
    says: says + leftOut(run.numbers.generations),
    panels: pair(run, panel),
    table: [
      ["generation", "tasks", "mean", "p10", "median", "p90", "longest"],
      asked(run).flatMap((split) => run.numbers.generations.map((row) => [row.number, SPLITS[split], ...cells(row[split][of])])),
    ],
  });
}

const lengthFigure = (run) =>
  spreadFigure(run, {
    id: "lengths",
    short: "Plan length",
    title: "Plan length",
    what: "valid plan",
    bins: run.plan_length,
    of: "plan_length",
    xLabel: "steps",
    filter: (steps) => ({ verdict: "valid", steps }),
    says: "How many steps the valid plans have; the line marks the median, all rows of a panel have one scale. A tail that grows to the right is made of longer plans than earlier generations ever found. The mean also grows because harder tasks are solved, so it says nothing about detours.",
  });

const reasoningFigure = (run) =>
  spreadFigure(run, {
    id: "reasoning",
    short: "Reasoning",
    title: "Reasoning tokens",
    what: "answer",
    bins: run.reasoning,
    of: "reasoning_tokens",
    xLabel: "tokens",
    filter: (reasoning) => ({ reasoning }),
    says: "Tokens before the plan, over all answers: one that fails has been paid for too. The line marks the median.",
  });

function faultFigure(run) {
  const rows = run.numbers.generations;
  const panel = (split) => {
    const kinds = run.faults.slice(1).filter((kind) => rows.some((row) => row[split].faults[kind]));
    if (!kinds.length) return { node: el("p", { class: "faint" }, "None: every answer was valid.") };
    const most = Math.max(...rows.flatMap((row) => kinds.map((kind) => row[split].faults[kind])));
    const cell = (row, kind) => {
      const count = row[split].faults[kind];
      const label = `generation ${row.number}: ${plural(count, "answer")} with the fault ${kind}, ${SPLITS[split]}`;
      return el(
        "td",
        {
          class: count / most > 0.55 ? `heat ${split} strong` : `heat ${split}`,
          style: `--share:${((100 * count) / most).toFixed(1)}%`,
        },
        count
          ? el(
              "a",
              {
                class: "cell",
                href: tracesLink({ generation: row.number, split, fault: kind }),
                "data-tip": label,
                "aria-label": label,
              },
              number(count),
            )
          : el("span", { class: "faint" }, "·"),
      );
    };
    const head = el(
      "tr",
      {},
      el("th", { scope: "col", class: "word" }, "fault"),
      someOf(rows).map((row) => el("th", { scope: "col" }, row.number)),
    );
    const body = kinds.map((kind) =>
      el(
        "tr",
        {},
        el("th", { scope: "row", class: "word" }, kind),
        someOf(rows).map((row) => cell(row, kind)),
      ),
    );
    return {
      node: el(
        "div",
        { class: "scroll", tabindex: 0, role: "region", "aria-label": `Faults, ${SPLITS[split]}` },
        el("table", { class: "heatmap" }, el("thead", {}, head), el("tbody", {}, body)),
      ),
    };
  };
  return figure({
    id: "faults",
    short: "Faults",
    title: "Faults by kind",
    panels: pair(run, panel),
    says:
      "Why answers were not valid, by generation (columns). Each has the first fault that was found: first that a plan can be read at all, then that its actions are of the domain, then that they can be done one after the other, then that the goal is reached at the end." +
      leftOut(rows),
  });
}

function diversityFigure(run) {
  const rows = run.numbers.generations;
  const line = (of, said) =>
    asked(run)
      .map((split) => ({
        split,
        points: rows
          .filter((row) => of(row[split].diversity) !== null)
          .map((row) => ({
            x: row.number,
            y: of(row[split].diversity),
            label: `generation ${row.number}, ${SPLITS[split]}: ${said(row[split].diversity)}`,
            href: tracesLink({ generation: row.number, split }),
          })),
      }))
      .filter((one) => one.points.length);
  const panel = (name, of, said, yText) => {
    const lines = line(of, said);
    return lines.length ? [{ name, draw: (width) => curves(width, lines, { height: 210, from: 0, yText }) }] : [];
  };
  return figure({
    id: "diversity",
    short: "Diversity",
    title: "Diversity",
    legend: legendOf(run),
    panels: [
      ...panel(
        "distance between plans",
        (d) => d.distance,
        (d) => `distance ${d.distance.toFixed(3)}`,
        (value) => value.toFixed(2),
      ),
      ...panel(
        "distinct plans",
        (d) => (d.plans ? (100 * d.distinct) / d.plans : null),
        (d) => `${d.distinct} of ${d.plans} plans differ by more than names`,
        (value) => `${value} %`,
      ),
      ...panel(
        "entropy, nats a token",
        (d) => d.entropy,
        (d) => `entropy ${d.entropy.toFixed(4)} nats a token`,
        (value) => value.toFixed(3),
      ),
    ],
    says: "Whether training on its own answers narrows the model. Distance between plans: mean edit distance between the actions of two plans for tasks of one size, 0 if all were the same. Distinct plans: share of plans that differ by more than the names of objects. Both count all plans that could be read, valid or not. Entropy, where log-probabilities are recorded: of all answers, at the sampling settings. It falls as a model becomes sure of what is right; where it falls and no more is solved, or rises, something else is learned.",
    table: [
      ["generation", ...asked(run).flatMap((split) => [`plans, ${SPLITS[split]}`, "distinct", "distance", "within a task", "entropy"])],
      rows.map((row) => [
        row.number,
        ...asked(run).flatMap((split) => {
          const d = row[split].diversity;
          return [d.plans, d.distinct, d.distance?.toFixed(3) ?? "-", d.within?.toFixed(3) ?? "-", d.entropy?.toFixed(4) ?? "-"];
        }),
      ]),
    ],
  });
}

function trainingFigure(run) {
  const trained = run.training.filter((row) => row.loss.length);
  if (!trained.length) return null;
  const lines = trained.map((row, place) => ({
    name: row.generation,
    points: row.loss,
    validation: row.validation,
    shade: Math.round((5 * place) / Math.max(1, trained.length - 1)),
    label: `generation ${row.generation}: ${plural(run.numbers.generations[row.generation].examples, "example")}, loss ${row.loss[0][1].toFixed(4)} at first, ${row.loss.at(-1)[1].toFixed(4)} at the end${row.validation.length ? `; on examples kept out, ${row.validation.at(-1)[1].toFixed(4)}` : ""}`,
    href: tracesLink({ learned: row.generation }),
  }));
  const validated = trained.some((row) => row.validation.length);
  return figure({
    id: "training",
    short: "Training",
    title: "Training loss",
    panels: [{ draw: (width) => losses(width, lines, {}) }],
    says: `Loss by step, one curve a generation, darker for later ones, named at its end; it leads to the traces that this generation learned from. ${validated ? "A diamond is the loss on examples that were kept out of training." : "No examples were kept out for a validation loss (train.validation_share is 0)."}`,
    table: [
      ["generation", "examples", "tokens trained on", "first loss", "last loss", "validation loss"],
      trained.map((row) => [
        row.generation,
        run.numbers.generations[row.generation].examples,
        row.audit.trained_tokens ? number(row.audit.trained_tokens) : "-",
        row.loss[0][1].toFixed(4),
        row.loss.at(-1)[1].toFixed(4),
        row.validation.at(-1)?.[1].toFixed(4) ?? "-",
      ]),
    ],
  });
}

const STEPS = [
  ["deploy", "deploy", { split: "deployed" }],
  ["validate", "validate-traces", { split: "deployed" }],
  ["curate", "curate", "learned"],
  ["train", "train", "learned"],
  ["deploy, held-out", "heldout/deploy", { split: "heldout" }],
  ["validate, held-out", "heldout/validate-traces", { split: "heldout" }],
];

function costFigure(run) {
  const rows = run.numbers.generations;
  const spent = new Map(run.seconds.map(([generation, step, seconds]) => [`${generation} ${step}`, seconds]));
  const where = (row, filter) => (filter === "learned" ? { learned: row.number } : { generation: row.number, ...filter });
  const timed = rows.map((row) => ({
    name: row.number,
    parts: STEPS.map(([kind, step, filter]) => {
      const value = spent.get(`${row.number} ${step}`) ?? 0;
      return { kind, value, label: `generation ${row.number}, ${kind}: ${duration(value)}`, href: tracesLink(where(row, filter)) };
    }),
  }));
  const audit = Object.fromEntries(run.training.map((row) => [row.generation, row.audit.trained_tokens ?? 0]));
  const tokens = rows.map((row, place) => ({
    name: row.number,
    parts: [
      ["deploy", run.sampled[place].deployed ?? 0, "sampled for deployed tasks", { generation: row.number, split: "deployed" }],
      [
        "deploy, held-out",
        run.sampled[place].heldout ?? 0,
        "sampled for held-out tasks",
        { generation: row.number, split: "heldout" },
      ],
      ["train", audit[row.number] ?? 0, "in the examples it was trained on", { learned: row.number }],
    ].map(([kind, value, what, filter]) => ({
      kind,
      value,
      label: `generation ${row.number}: ${number(value)} tokens ${what}`,
      href: tracesLink(filter),
    })),
  }));
  const kinds = STEPS.map(([kind]) => kind);
  const panels = [{ name: "tokens", draw: (width) => stacked(width, someOf(tokens), { kinds, text: (total) => number(total) }) }];
  if (run.seconds.length)
    panels.unshift({ name: "time", draw: (width) => stacked(width, someOf(timed), { kinds, text: duration }) });
  const keys = kinds.map((kind, place) => el("span", { class: "key" }, el("i", { class: `swatch kind-${place}` }), kind));
  return figure({
    id: "cost",
    short: "Cost",
    title: "Time and tokens by step",
    legend: el("p", { class: "legend" }, keys),
    panels,
    says:
      "What each generation cost: the time that its steps took on the machine that ran it, and the tokens that were sampled and that stood in its examples (each epoch reads them again). Times differ between equal runs; nothing else does." +
      leftOut(rows),
    table: [
      ["generation", ...kinds, "tokens sampled", "in examples"],
      rows.map((row, place) => [
        row.number,
        ...timed[place].parts.map((part) => (part.value ? duration(part.value) : "-")),
        number((run.sampled[place].deployed ?? 0) + (run.sampled[place].heldout ?? 0)),
        number(audit[row.number] ?? 0),
      ]),
    ],
  });
}

const furtherFigures = (run) => run.series.map((series) => seriesFigure(run, series));

function seriesFigure(run, series) {
  const lines = series.lines.map(({ split, name, points }) => ({
    split,
    points: points.map(([x, y]) => ({
      x,
      y,
      label: `generation ${x}, ${name ?? SPLITS[split]}: ${+y.toFixed(3)}`,
      href: name ? null : tracesLink({ generation: x, split, verdict: "valid" }),
    })),
  }));
  return figure({
    id: series.id,
    short: series.short,
    title: series.title,
    legend: series.lines.some(({ name }) => name) ? null : legendOf(run),
    says: series.says,
    panels: [{ draw: (width) => curves(width, lines, { height: 210, yText: (value) => +value.toFixed(3) }) }],
  });
}

const FIGURES = [
  solvedFigure,
  sizeFigure,
  changeFigure,
  lengthFigure,
  furtherFigures,
  reasoningFigure,
  faultFigure,
  diversityFigure,
  trainingFigure,
  costFigure,
];
