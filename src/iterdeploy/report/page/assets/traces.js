// The viewer: a list of the traces that a filter keeps, and one of them, or two side by side.

const ROW = 46; // pixels of a row in the list
const TALLEST = 8e6; // pixels; browsers draw nothing that is much taller

class TracesView {
  constructor(run, box) {
    this.run = run;
    this.found = { chunks: [], rows: [] };
    this.filter = {};
    this.asked = 0; // numbers the searches, so that a later one ends an earlier one
    this.form = el("form", {
      class: "filter",
      role: "search",
      "aria-label": "Filter traces",
      submit: (event) => event.preventDefault(),
    });
    this.count = el("p", { class: "count", role: "status" });
    this.space = el("div", { class: "space" });
    this.list = el(
      "div",
      { class: "list", role: "listbox", tabindex: 0, "aria-label": "Traces", scroll: () => this.drawRows() },
      this.space,
    );
    this.detail = el("div", { class: "detail" });
    box.replaceChildren(el("div", { class: "side" }, this.form, this.count, this.list), this.detail);
    this.makeForm();
    new ResizeObserver(() => this.drawRows()).observe(this.list);
  }

  // --- the filter ---

  makeForm() {
    const { numbers, faults, chunks } = this.run;
    const rows = numbers.generations;
    const select = (field, name, options) =>
      el(
        "label",
        {},
        el("span", {}, name),
        el(
          "select",
          { name: field, change: () => this.typed() },
          [["", "all"], ...options].map(([value, text]) => el("option", { value }, text)),
        ),
      );
    const splits = [...new Set(chunks.map((chunk) => chunk.split))];
    const sizes = [...new Set(rows.flatMap((row) => splits.flatMap((split) => row[split].by_size.map(({ size }) => size))))].sort(
      (a, b) => a - b,
    );
    const seen = faults.slice(1).filter((kind) => rows.some((row) => splits.some((split) => row[split].faults[kind])));
    const text = el("input", {
      type: "search",
      name: "text",
      placeholder: "Search answers, reasons, names",
      "aria-label": "Search in answers, reasons and names",
      autocomplete: "off",
      spellcheck: "false",
      input: () => this.soon(),
    });
    this.chips = el("div", { class: "chips" });
    this.form.replaceChildren(
      text,
      el(
        "div",
        { class: "selects" },
        select(
          "generation",
          "generation",
          rows.map((row) => [row.number, row.number]),
        ),
        select(
          "split",
          "tasks",
          splits.map((split) => [split, SPLITS[split]]),
        ),
        select("verdict", "verdict", [["valid", "valid"], ["invalid", "not valid"], ...seen.map((kind) => [kind, kind])]),
        select(
          "size",
          "size",
          sizes.map((size) => [size, size]),
        ),
      ),
      this.chips,
    );
  }

  soon() {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.typed(), 200);
  }

  typed() {
    const data = Object.fromEntries(new FormData(this.form));
    const verdict = ["valid", "invalid", ""].includes(data.verdict)
      ? { verdict: data.verdict, fault: "" }
      : { verdict: "", fault: data.verdict };
    go({ ...this.filter, ...data, ...verdict, trace: "", beside: "" });
  }

  showForm() {
    const { filter } = this;
    for (const field of ["text", "generation", "split", "size"]) {
      const input = this.form.elements[field];
      if (document.activeElement !== input) input.value = filter[field] ?? "";
    }
    this.form.elements.verdict.value = filter.fault ?? filter.verdict ?? "";
    const names = {
      steps: "steps",
      reasoning: "reasoning tokens",
      task: "task",
      change: "newly",
      learned: "learned from by generation",
    };
    const chip = ([field, name]) =>
      el(
        "button",
        {
          type: "button",
          class: "chip",
          "aria-label": `Remove the filter ${name} ${filter[field]}`,
          click: () => go({ ...filter, [field]: "", trace: "", beside: "" }),
        },
        `${name} ${filter[field].replace(/^(\d+)-\1$/, "$1").replace("gained", "solved")}`,
        el("span", { "aria-hidden": "true" }, " ×"),
      );
    const special = Object.entries(names)
      .filter(([field]) => filter[field])
      .map(chip);
    const any = FIELDS.some((field) => filter[field] && !["trace", "beside"].includes(field));
    const clear = el("button", { type: "button", class: "chip clear", click: () => go({}) }, "clear all");
    this.chips.replaceChildren(...special, ...(any ? [clear] : []));
  }

  // --- from an address to what is shown ---

  async show(filter) {
    const before = JSON.stringify({ ...this.filter, trace: "", beside: "" });
    const same = this.tasks && before === JSON.stringify({ ...filter, trace: "", beside: "" });
    this.filter = filter;
    this.showForm();
    if (!same) await this.search();
    await this.showTrace();
  }

  async search() {
    const turn = ++this.asked;
    const current = () => turn === this.asked;
    this.tasks = await block("tasks");
    let found = await kept(this.run, this.filter);
    if (!current()) return;
    if (this.filter.text) {
      const all = found.rows.length;
      const tell = (read, hits) => {
        this.count.textContent = `${plural(hits.rows.length, "trace")}; ${number(read)} of ${number(all)} read`;
      };
      found = await holding(this.run, found, this.filter.text, tell, current);
      if (!found) return;
    }
    await Promise.all([...new Set(found.chunks)].map(async (chunk) => (this.columns[chunk] = await block(`index-${chunk}`))));
    this.found = found;
    const tasks = new Set(found.rows.map((row, place) => this.columns[found.chunks[place]].task[row])).size;
    this.count.textContent = found.rows.length
      ? `${plural(found.rows.length, "trace")} of ${plural(tasks, "task")}`
      : "No trace is like this.";
    this.list.scrollTop = 0;
    this.drawRows();
  }

  columns = {}; // the index of each chunk that was loaded

  // --- the list: only the rows in sight are drawn ---

  get height() {
    return Math.min(TALLEST, this.found.rows.length * ROW);
  }

  /** The row at the top, with its fraction; in a list too tall for the browser, a pixel is more than a pixel. */
  first() {
    const [full, view] = [this.found.rows.length * ROW, this.list.clientHeight];
    const stretch = full > TALLEST ? (full - view) / (TALLEST - view) : 1;
    return (this.list.scrollTop * stretch) / ROW;
  }

  drawRows() {
    const first = this.first();
    const [from, count] = [Math.floor(first), Math.ceil(this.list.clientHeight / ROW) + 1];
    const rows = [];
    for (let place = from; place < Math.min(from + count, this.found.rows.length); place++) {
      rows.push(this.rowAt(place, this.list.scrollTop + (place - first) * ROW));
    }
    this.space.style.height = `${this.height}px`;
    this.space.replaceChildren(...rows);
    const chosen = this.space.querySelector('[aria-selected="true"]');
    if (chosen) this.list.setAttribute("aria-activedescendant", chosen.id);
    else this.list.removeAttribute("aria-activedescendant");
  }

  rowAt(place, top) {
    const { id, generation, split, index, row } = this.at(place);
    const fault = this.run.faults[index.fault[row]];
    const chosen = id === this.filter.trace;
    const state = fault
      ? el("span", { class: "invalid" }, `✗ ${fault}`)
      : el("span", { class: "valid" }, `✓ ${plural(index.steps[row], "step")}`);
    return el(
      "a",
      {
        class: "row",
        role: "option",
        id: `row-${place}`,
        "aria-selected": String(chosen),
        tabindex: -1,
        style: `top:${top}px`,
        href: tracesLink({ ...this.filter, trace: id, beside: "" }),
        "aria-posinset": place + 1,
        "aria-setsize": this.found.rows.length,
      },
      el("span", { class: "row-id" }, hostileLine(id, 60)),
      state,
      el("span", { class: "row-note" }, `generation ${generation}, ${SPLITS[split]}, size ${this.tasks.sizes[index.task[row]]}`),
    );
  }

  at(place) {
    const [chunk, row] = [this.found.chunks[place], this.found.rows[place]];
    const index = this.columns[chunk];
    return { ...this.run.chunks[chunk], chunk, row, index, id: traceId(this.run, this.tasks, chunk, index, row) };
  }

  /** The place of the chosen trace in the list; -1 if it is not there. */
  chosen() {
    const { trace } = this.filter;
    return trace ? this.found.rows.findIndex((_, place) => this.at(place).id === trace) : -1;
  }

  /** To the next or an earlier trace. */
  step(by) {
    if (!this.found.rows.length) return;
    const now = this.chosen();
    const place = now < 0 ? 0 : Math.max(0, Math.min(this.found.rows.length - 1, now + by));
    this.reveal(place);
    go({ ...this.filter, trace: this.at(place).id, beside: "" }, true);
  }

  reveal(place) {
    const view = this.list.clientHeight;
    const first = this.first();
    if (place >= first && (place + 1 - first) * ROW <= view) return;
    const full = this.found.rows.length * ROW;
    const stretch = full > TALLEST ? (full - view) / (TALLEST - view) : 1;
    this.list.scrollTop = (place * ROW - view / 2) / stretch;
  }

  // --- one trace, or two ---

  async showTrace() {
    const { trace, beside } = this.filter;
    const wanted = [trace, beside].filter(Boolean);
    const key = wanted.join(" ");
    this.detail.parentElement.classList.toggle("has-trace", wanted.length > 0);
    this.drawRows();
    if (key === this.shown) return;
    this.shown = key;
    players.clear();
    const made = wanted.length ? await Promise.all(wanted.map((id) => this.article(id))) : [this.invitation()];
    if (this.shown !== key) return;
    this.detail.classList.toggle("two", made.length > 1);
    this.detail.replaceChildren(
      el("a", { class: "back", href: tracesLink({ ...this.filter, trace: "", beside: "" }) }, "← list"),
      ...made,
    );
    this.detail.scrollTop = 0;
    if (wanted.length) say(`trace ${wanted.join(" beside ")}`);
  }

  invitation() {
    return el(
      "div",
      { class: "empty" },
      el("p", {}, "Choose a trace to see its prompt, reasoning, plan and verdict."),
      el(
        "p",
        { class: "faint" },
        el("kbd", {}, "j"),
        " and ",
        el("kbd", {}, "k"),
        " go through the list, ",
        el("kbd", {}, "?"),
        " shows all keys.",
      ),
    );
  }

  async article(id) {
    const place = await findTrace(this.run, id);
    if (!place) return el("div", { class: "empty" }, el("p", {}, "No trace ", el("code", {}, hostileLine(id)), " in this run."));
    const index = await block(`index-${place.chunk}`);
    const { generation, split, pages } = this.run.chunks[place.chunk];
    const task = index.task[place.row];
    const [[answer, reason, plan, rules], [prompt, spec], same, picture] = await Promise.all([
      pagedRow(`traces-${place.chunk}`, pages, place.row),
      pagedRow("tasks", this.tasks.pages, task),
      answersTo(this.run, task, split),
      pictureOf(this.run, task, this.tasks.ids[task], id),
    ]);
    const about = { ...place, id, index, generation, split, task, fault: this.run.faults[index.fault[place.row]] };
    const steps = plan ? plan.split("\n") : [];
    return el(
      "article",
      { "aria-label": `Trace ${id}` },
      el("div", {}, this.heading(about), this.verdict(about, reason, steps.length), this.history(about, same)),
      el(
        "div",
        {},
        section(
          "Plan",
          steps.length
            ? [
                player(steps, index.failing[place.row], reason, picture),
                this.run.pictures ? null : el("p", { class: "faint" }, "The command iterdeploy report RUN adds pictures of all plans."),
              ]
            : el("p", { class: "faint" }, "No plan could be read from the answer."),
          rules ? `read by the rules ${rules.replaceAll(" ", ", ")}` : "",
        ),
        ...answerSections(answer, index.reasoning[place.row], index.tokens[place.row]),
        section("Prompt", hostile(prompt)),
        ...Object.entries(spec).map(([name, text]) => folded(`The validator's ${name}`, hostile(text))),
        ...(this.tasks.domains[this.tasks.domain[task]][1]
          ? [folded("The validator's domain", hostile(this.tasks.domains[this.tasks.domain[task]][1]))]
          : []),
      ),
    );
  }

  heading({ id, generation, split, task, index, row }) {
    const model = this.run.numbers.generations[generation].model;
    return el(
      "header",
      {},
      el("h2", { class: "trace-id" }, hostileLine(id)),
      el(
        "p",
        { class: "faint" },
        `generation ${generation}, ${SPLITS[split]} task `,
        el("a", { href: tracesLink({ task: this.tasks.ids[task] }) }, hostileLine(this.tasks.ids[task])),
        `, size ${this.tasks.sizes[task]}${index.sample[row] ? `, sample ${index.sample[row]}` : ""}, model `,
        el("code", {}, model),
      ),
    );
  }

  verdict({ fault, index, row }, reason, steps) {
    const learned = index.sets[index.learned[row]];
    const words = fault
      ? [el("b", {}, `✗ not valid: ${fault}`), el("p", {}, hostileLine(reason, 2000))]
      : [el("b", {}, `✓ valid, ${plural(steps, "step")}`)];
    const lineage = learned.length
      ? [
          "Learned from by generation ",
          learned.map((n, place) => [place ? ", " : "", el("a", { href: tracesLink({ learned: n }) }, n)]),
        ]
      : ["No generation learned from it."];
    return el("div", { class: fault ? "verdict invalid" : "verdict valid" }, words, el("p", { class: "lineage" }, lineage));
  }

  /** The same task in every generation, each a link; and one of them beside this. */
  history({ id, generation, chunk, row }, same) {
    const first = this.filter.trace === id || !this.filter.beside;
    const to = (one) => (first ? { ...this.filter, trace: one.id } : { ...this.filter, beside: one.id });
    const links = same.map((one) => {
      const fault = this.run.faults[one.fault];
      const label = `generation ${one.generation}${one.sample ? `, sample ${one.sample}` : ""}: ${fault ? `not valid, ${fault}` : "valid"}`;
      const here = one.chunk === chunk && one.row === row;
      return el(
        "a",
        {
          class: fault ? "past invalid" : "past valid",
          href: tracesLink(to(one)),
          "data-tip": label,
          "aria-label": label,
          "aria-current": here ? "true" : null,
        },
        el("span", {}, one.generation),
        fault ? "✗" : "✓",
      );
    });
    const other = same.filter((one) => one.id !== id);
    const beside =
      first && other.length
        ? el(
            "label",
            { class: "beside" },
            "beside ",
            el(
              "select",
              { change: (event) => go({ ...this.filter, trace: id, beside: event.target.value }) },
              el("option", { value: "" }, "none"),
              other.map((one) =>
                el(
                  "option",
                  { value: one.id, selected: one.id === this.filter.beside },
                  `generation ${one.generation}${one.sample ? `.${one.sample}` : ""}`,
                ),
              ),
            ),
          )
        : null;
    this.others = first ? other.map((one) => one.id) : this.others;
    return el(
      "div",
      { class: "history" },
      el("span", { class: "faint" }, "this task by generation"),
      el("nav", { "aria-label": "This task in each generation" }, links),
      beside,
    );
  }

  /** Put the earliest other answer to the same task beside this one, or take it away. */
  toggleBeside() {
    if (!this.filter.trace || !this.others?.length) return;
    go({ ...this.filter, beside: this.filter.beside ? "" : this.others[0] });
  }
}

function section(title, content, note = "") {
  return el("section", {}, el("h3", {}, title, note ? el("span", { class: "faint" }, ` ${note}`) : null), content);
}

function folded(title, content) {
  return el("details", {}, el("summary", {}, title), content);
}

const END_OF_REASONING = "</think>";

function answerSections(answer, reasoning, tokens) {
  const end = answer.lastIndexOf(END_OF_REASONING);
  const rest = section(
    "Answer",
    hostile(end < 0 ? answer : answer.slice(end + END_OF_REASONING.length).replace(/^\s*\n/, "")),
    plural(tokens, "token"),
  );
  return end < 0 ? [rest] : [section("Reasoning", hostile(answer.slice(0, end)), plural(reasoning, "token")), rest];
}

const TASKS_A_BLOCK = 50; // as in page/pictures.py

/** The picture of a trace's plan; null where the page has none. */
async function pictureOf(run, task, taskId, id) {
  const place = Math.floor(task / TASKS_A_BLOCK);
  if (place >= run.pictures) return null;
  const { elements, tasks } = await block(`pictures-${place}`);
  const drawing = tasks[taskId]?.find(({ traces }) => traces.includes(id));
  return drawing ? { drawing, table: elements } : null;
}
