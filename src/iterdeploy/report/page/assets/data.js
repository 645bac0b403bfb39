// The run's data: blocks of compressed JSON, in this page or in files beside it, each unpacked when it is needed.

const blocks = new Map(); // name to a promise of its value
const awaited = new Map(); // name to the function that takes the packed block of a file

globalThis.iterdeployBlock = (name, packed) => awaited.get(name)?.(packed);

const KEPT = 60; // pages of texts; a search through a million answers must not keep them all

function block(name) {
  if (!blocks.has(name)) {
    const pages = [...blocks.keys()].filter((one) => /^(traces|pictures)-/.test(one));
    if (pages.length >= KEPT) blocks.delete(pages[0]);
    blocks.set(name, packedBlock(name).then(unpack));
  }
  return blocks.get(name);
}

function packedBlock(name) {
  const inside = byId(`block-${name}`);
  if (inside) return Promise.resolve(inside.textContent);
  return new Promise((resolve, reject) => {
    const file = `report-data/${name}.js`;
    const missing = () => reject(new Error(`${file} is not there; it belongs beside this page`));
    awaited.set(name, resolve);
    const script = el("script", { src: file, error: missing, load: () => script.remove() });
    document.head.append(script);
  });
}

async function unpack(packed) {
  const bytes = Uint8Array.from(atob(packed), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).json();
}

/** The row of a page that holds it, of a list kept in pages that begin at `starts`. */
async function pagedRow(name, starts, row) {
  const page = lastAtMost(starts, row);
  return (await block(`${name}-${page}`))[row - starts[page]];
}

function lastAtMost(sorted, value) {
  let [low, high] = [0, sorted.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (sorted[middle] <= value) low = middle;
    else high = middle - 1;
  }
  return low;
}
