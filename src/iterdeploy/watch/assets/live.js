/* Keeps a page current: a strip that tells the step under way, and a new page when a generation is finished.
   All that a run says is put in as text. */
"use strict";
(() => {
  const shown = new URL(document.currentScript.src).searchParams.get("page");
  const EVERY = 2000; // ms between two questions; the server looks at the run when it is asked
  const STILL = 15000; // ms without a key or a click after which a page may be replaced under its reader
  let tag = "", touched = 0, failed = 0;
  const make = (name, text = "", style = {}) => {
    const node = document.createElement(name);
    node.textContent = text;
    Object.assign(node.style, style);
    return node;
  };
  const strip = make("aside", "", {
    position: "sticky", bottom: "0", zIndex: "50", padding: ".4rem 1rem", font: "14px/1.5 system-ui, sans-serif",
    background: "Canvas", color: "CanvasText", borderTop: "1px solid GrayText", display: "flex", gap: "1rem",
    flexWrap: "wrap", alignItems: "center", fontVariantNumeric: "tabular-nums",
  });
  strip.setAttribute("aria-label", "The run under way");
  const words = make("span"), bar = make("progress", "", { width: "10rem" }), button = make("button", "show the new page");
  bar.setAttribute("aria-label", "The step under way");
  button.type = "button";
  button.addEventListener("click", () => location.reload());
  strip.append(words, bar, button);
  document.body.append(strip);
  for (const kind of ["keydown", "pointerdown", "wheel"]) addEventListener(kind, () => (touched = Date.now()), { passive: true });

  const clock = (seconds) => {
    const h = Math.floor(seconds / 3600), m = Math.floor(seconds / 60) % 60, s = String(seconds % 60).padStart(2, "0");
    return h ? `${h}:${String(m).padStart(2, "0")}:${s}` : `${m}:${s}`;
  };
  const sentence = (state) => {
    if (state.finished) return "finished";
    const step = state.step, parts = [`generation ${step.generation} of ${state.planned}`, step.step];
    if (step.total) parts.push(`${step.done} / ${step.total}`);
    else if (step.done) parts.push(`step ${step.done}`);
    if (step.valid !== null) parts.push(`${step.valid} valid`);
    if (step.note) parts.push(step.note);
    if (state.left !== null) parts.push(`about ${clock(state.left)} left`);
    if (!state.writer) parts.push("stopped: no process writes to it");
    return parts.join(" · ");
  };
  const reading = () => {
    const at = document.activeElement;
    return Date.now() - touched < STILL || (at && /^(INPUT|TEXTAREA|SELECT)$/.test(at.tagName)) ||
      document.querySelector("dialog[open]") !== null;
  };
  const tell = (state) => {
    if (state.problem && !state.name) { words.textContent = state.problem; return; }
    words.textContent = sentence(state) + (state.problem ? ` · the page cannot be made: ${state.problem}` : "");
    bar.hidden = !(state.step && state.step.total);
    if (!bar.hidden) { bar.max = state.step.total; bar.value = state.step.done; }
    const fresh = state.page !== "" && state.page !== shown;
    button.hidden = !fresh;
    if (fresh && !reading()) location.reload();
    fill(state);
  };
  const fill = (state) => {
    const table = document.getElementById("generations"), latest = document.getElementById("latest");
    if (shown || !table) return;
    document.getElementById("run-name").textContent = `${state.name}, seed ${state.seed}`;
    table.hidden = !state.generations.length;
    table.tBodies[0].replaceChildren(...state.generations.map((g) => {
      const row = make("tr");
      row.append(...[g.number, `${g.solved} / ${g.asked}`, g.heldout_asked ? `${g.heldout_solved} / ${g.heldout_asked}` : "-",
        g.number ? g.examples : "-"].map((cell) => make("td", String(cell))));
      return row;
    }));
    latest.replaceChildren(...state.judged.map((one) => {
      const row = make("div", `${one.trace_id}  ${one.valid ? `valid, ${one.cost} steps` : `not valid (${one.fault}): ${one.reason}`}`);
      row.className = one.valid ? "good" : "bad";
      return row;
    }));
  };
  const ask = async () => {
    try {
      const answer = await fetch("/state", { headers: tag ? { "If-None-Match": tag } : {}, cache: "no-store" });
      if (answer.status === 200) { tag = answer.headers.get("ETag") || ""; tell(await answer.json()); }
      failed = 0;
    } catch {
      if (++failed > 1) words.textContent = "`iterdeploy watch` was stopped; the page stays as it is";
    }
    setTimeout(ask, document.hidden ? 5 * EVERY : EVERY);
  };
  ask();
})();
