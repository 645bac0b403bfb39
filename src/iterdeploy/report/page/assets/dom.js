// Elements, and the text of models in them: text is only ever set as text, never parsed.

const SVG = "http://www.w3.org/2000/svg";

/** An element. A property that is a function listens; null and false are left out; children may be nested lists. */
function el(tag, properties = {}, ...children) {
  return filled(document.createElement(tag), properties, children);
}

/** The same for SVG. */
function svg(tag, properties = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), properties, children);
}

function filled(element, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value !== null && value !== false && value !== undefined) {
      element.setAttribute(name, value === true ? "" : value);
    }
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}

const byId = (id) => document.getElementById(id);
const number = (value) => value.toLocaleString("en-US");
const percent = (share, digits = 1) => `${(100 * share).toFixed(digits)} %`;
const plural = (count, word) => `${number(count)} ${word}${count === 1 ? "" : "s"}`;

function duration(seconds) {
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  const whole = Math.round(seconds);
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h ? `${h} h ${m} min` : `${m} min ${s} s`;
}

/** Say something to those who do not see the page. */
function say(text) {
  byId("said").textContent = text;
}

// Control characters, what turns the direction of writing, and what cannot be seen: each is spelt out.
const UNSEEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e0fff}]/gu;
const SHOWN = 20000; // characters of one text before the rest is asked for

/** A text of a model, of any content and length. */
function hostile(text, shown = SHOWN) {
  const box = el("div", { class: "text", dir: "ltr" });
  box.append(...spelt(text.slice(0, shown)));
  if (text.length > shown) {
    const rest = `show all ${number(text.length)} characters`;
    box.append(el("button", { type: "button", class: "more", click: () => box.replaceChildren(...spelt(text)) }, rest));
  }
  return box;
}

function spelt(text) {
  const parts = [];
  let end = 0;
  for (const found of text.matchAll(UNSEEN)) {
    const code = found[0].codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
    if (parts.length > 40000) return [...parts, text.slice(end).replace(UNSEEN, "\ufffd")];
    parts.push(text.slice(end, found.index), el("span", { class: "unseen-character" }, `U+${code}`));
    end = found.index + found[0].length;
  }
  parts.push(text.slice(end));
  return parts;
}

/** The same on one line. */
function hostileLine(text, most = 200) {
  return spelt(text.length > most ? `${text.slice(0, most)}…` : text);
}
