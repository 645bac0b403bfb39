// Which traces are shown: a filter is the part of the address after "#traces?", so that it can be linked and kept.

const FIELDS = [
  "generation",
  "split",
  "verdict",
  "fault",
  "size",
  "task",
  "steps",
  "reasoning",
  "change",
  "learned",
  "text",
  "trace",
  "beside",
];

function tracesLink(filter) {
  const query = new URLSearchParams();
  for (const field of FIELDS) {
    const value = filter[field];
    if (value !== undefined && value !== null && value !== "") query.set(field, value);
  }
  const text = query.toString();
  return text ? `#traces?${text}` : "#traces";
}

function filterOf(hash) {
  const query = new URLSearchParams(hash.split("?")[1] ?? "");
  return Object.fromEntries(FIELDS.filter((field) => query.has(field)).map((field) => [field, query.get(field)]));
}

/** The chunks of answers that a filter can reach; a chunk is one generation on one split. */
function chunksOf(run, filter) {
  const { generation, split, learned } = filter;
  return run.chunks
    .map((chunk, place) => ({ ...chunk, place }))
    .filter(
      (chunk) =>
        (generation === undefined || chunk.generation === +generation) &&
        (split === undefined || chunk.split === split) &&
        (learned === undefined || (chunk.split === "deployed" && chunk.generation < +learned)),
    );
}

const range = (text) => text.split("-").map(Number);

/** A test of one row of a chunk, from its columns; `changed` holds the tasks of a change, where it is asked for. */
function rowTest(run, filter, tasks, index, changed) {
  const tests = [];
  const { verdict, fault, size, task, steps, reasoning, learned } = filter;
  if (verdict) tests.push((row) => (index.fault[row] === 0) === (verdict === "valid"));
  if (fault) tests.push((row) => index.fault[row] === run.faults.indexOf(fault));
  if (size) tests.push((row) => tasks.sizes[index.task[row]] === +size);
  if (task) tests.push((row) => tasks.ids[index.task[row]] === task);
  if (steps) tests.push(between(index.steps, steps));
  if (reasoning) tests.push(between(index.reasoning, reasoning));
  if (changed) tests.push((row) => changed.has(index.task[row]));
  if (learned) tests.push((row) => index.sets[index.learned[row]].includes(+learned));
  return (row) => tests.every((test) => test(row));
}

function between(column, text) {
  const [low, high] = range(text);
  return (row) => column[row] >= low && column[row] <= high;
}

/** The tasks that a generation gained or lost, by their places; null where the filter asks for no change. */
async function changedTasks(run, filter, chunk) {
  if (!filter.change) return null;
  const before = run.chunks.findIndex((one) => one.generation === chunk.generation - 1 && one.split === chunk.split);
  if (before < 0) return new Set();
  const [old, now] = (await Promise.all([block(`index-${before}`), block(`index-${chunk.place}`)])).map(solvedTasks);
  const [most, less] = filter.change === "gained" ? [now, old] : [old, now];
  return new Set([...most].filter((task) => !less.has(task)));
}

const solvedTasks = (index) => new Set(index.task.filter((_, row) => index.fault[row] === 0));

/** All rows that a filter keeps, its text apart: two parallel arrays, for there may be a million of them. */
async function kept(run, filter) {
  const tasks = await block("tasks");
  const found = { chunks: [], rows: [] };
  for (const chunk of chunksOf(run, filter)) {
    const index = await block(`index-${chunk.place}`);
    const keeps = rowTest(run, filter, tasks, index, await changedTasks(run, filter, chunk));
    for (let row = 0; row < chunk.rows; row++) {
      if (keeps(row)) {
        found.chunks.push(chunk.place);
        found.rows.push(row);
      }
    }
  }
  return found;
}

/** Of these rows, those whose answer, reason or name holds a text; `tell` is told how many were read. */
async function holding(run, found, text, tell, current) {
  const [tasks, wanted] = [await block("tasks"), text.toLowerCase()];
  const hits = { chunks: [], rows: [] };
  for (let place = 0; place < found.rows.length; place++) {
    const [chunk, row] = [found.chunks[place], found.rows[place]];
    const index = await block(`index-${chunk}`);
    const [answer, reason] = await pagedRow(`traces-${chunk}`, run.chunks[chunk].pages, row);
    if (!current()) return null;
    if (`${traceId(run, tasks, chunk, index, row)}\n${reason}\n${answer}`.toLowerCase().includes(wanted)) {
      hits.chunks.push(chunk);
      hits.rows.push(row);
    }
    if (place % 5000 === 4999) tell(place + 1, hits);
  }
  return hits;
}

function traceId(run, tasks, chunk, index, row) {
  return index.ids ? index.ids[row] : `g${run.chunks[chunk].generation}.${tasks.ids[index.task[row]]}.${index.sample[row]}`;
}

/** Where a trace stands: {chunk, row}; null if there is none of that name. */
async function findTrace(run, id) {
  const tasks = await block("tasks");
  const guess = /^g(\d+)\b/.exec(id)?.[1];
  const places = run.chunks.map((_, place) => place);
  places.sort((a, b) => (run.chunks[b].generation === +guess) - (run.chunks[a].generation === +guess));
  for (const chunk of places) {
    const index = await block(`index-${chunk}`);
    for (let row = 0; row < run.chunks[chunk].rows; row++) {
      if (traceId(run, tasks, chunk, index, row) === id) return { chunk, row };
    }
  }
  return null;
}

/** The answers to the same task by every generation: [{id, chunk, row, generation, sample, fault}]. */
async function answersTo(run, task, split) {
  const [tasks, found] = [await block("tasks"), []];
  for (const chunk of chunksOf(run, { split })) {
    const index = await block(`index-${chunk.place}`);
    for (let row = index.task.indexOf(task); row >= 0; row = index.task.indexOf(task, row + 1)) {
      found.push({
        id: traceId(run, tasks, chunk.place, index, row),
        chunk: chunk.place,
        row,
        generation: chunk.generation,
        sample: index.sample[row],
        fault: index.fault[row],
      });
    }
  }
  return found;
}
