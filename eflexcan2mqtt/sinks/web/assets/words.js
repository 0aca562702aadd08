"use strict";
// Numbers and times as text, and the few helpers that all the other parts use.

const DATA = JSON.parse(document.getElementById("data").textContent);
const $ = id => document.getElementById(id);
const STATE = {
  known: new Map(),  // battery_id -> its latest reading
  facts: new Map(),  // battery_id -> what follows from it, as the bridge has decided
  bank: null,        // the totals of the latest cycle
  health: null,      // of the bridge, with what needs attention
  open: false,       // whether the bridge answers
};

// Touches the document only if something changes: a reader's selection and the focus stay.
function put(element, text) { if (element.textContent !== text) element.textContent = text; }
function flag(element, name, on) { if (element.classList.contains(name) !== on) element.classList.toggle(name, on); }

function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

// Puts the items of a list in order; what has its place is not touched, so that it keeps the focus.
function arrange(list, items) {
  items.forEach((item, place) => {
    if (list.children[place] !== item) list.insertBefore(item, list.children[place] || null);
  });
}

const LATEST = 3;

// A list, the latest first: the first items are always there, the others when asked for.
class Fold {
  constructor(name, earlier) {
    this.newest = el("ul", {class: "events", "aria-label": name + ", the latest first"});
    this.earlier = el("ul", {class: "events", tabindex: "0", "aria-label": earlier});
    this.head = el("summary");
    this.rest = el("details", {}, this.head, this.earlier);
    this.box = el("div", {}, this.newest, this.rest);
  }

  // ``count`` is how many the lines stand for.
  show(lines, count) {
    this.box.hidden = !count;
    this.newest.replaceChildren(...lines.splice(0, LATEST));
    this.earlier.replaceChildren(...lines);
    put(this.head, `${number(count - LATEST, 0)} earlier`);
    this.rest.hidden = !lines.length;
  }
}

const FORMATS = [0, 1, 2].map(digits => new Intl.NumberFormat("en-GB",
  {minimumFractionDigits: digits, maximumFractionDigits: digits}));
const SIGNED = [0, 1, 2].map(digits => new Intl.NumberFormat("en-GB",
  {minimumFractionDigits: digits, maximumFractionDigits: digits, signDisplay: "exceptZero"}));
const joined = (text, unit) => text.replace("-", "−") + (unit ? "\u00a0" + unit : "");
const number = (value, digits, unit) => joined(FORMATS[digits].format(value), unit);
const signed = (value, digits, unit) => joined(SIGNED[digits].format(value), unit);

const HOUR = {hour: "2-digit", minute: "2-digit", hourCycle: "h23"};
const moment = seconds => new Date(seconds * 1000);
const clock = seconds => moment(seconds).toLocaleTimeString("en-GB", {...HOUR, second: "2-digit"});

// The time, and if it is of another day, its date.
function when(seconds, options = HOUR) {
  const then = moment(seconds), now = new Date(), day = {day: "numeric", month: "short"};
  if (then.getFullYear() !== now.getFullYear()) day.year = "numeric";
  return then.toLocaleString("en-GB", {...(then.toDateString() === now.toDateString() ? {} : day), ...options});
}
const second = seconds => when(seconds, {...HOUR, second: "2-digit"});
const asOf = seconds => "as of " + second(seconds);

function duration(seconds) {
  const minutes = Math.max(1, Math.round(seconds / 60)), hours = Math.floor(minutes / 60), days = Math.floor(hours / 24);
  if (days) return `${days}\u00a0d ${hours % 24}\u00a0h`;
  return hours ? `${hours}\u00a0h ${minutes % 60}\u00a0min` : `${minutes}\u00a0min`;
}

// `a command` in a sentence becomes code.
function marked(text) {
  return text.split("`").map((part, place) => place % 2 ? el("code", {}, part) : part);
}

const findings = () => STATE.health && STATE.health.attention || [];
const findingsOf = id => findings().filter(each => each.battery_id === id);
const stale = id => !STATE.open || id in (STATE.health && STATE.health.stale || {});
// Two batteries may send under one number: then their serial numbers tell them apart.
function address(reading) {
  const same = [...STATE.known.values()].filter(each => each.battery_number === reading.battery_number);
  return `battery-${reading.battery_number}` + (same.length > 1 ? "-" + reading.battery_id : "");
}
