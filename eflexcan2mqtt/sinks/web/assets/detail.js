// One battery, opened under its row.  Which one is in the address: #battery-3.

let detail = null;  // of the battery that is open: its id, its elements and its charts

function chosen() {
  const hash = location.hash.slice(1);
  const found = [...STATE.known.values()].filter(each => hash === address(each) || hash === `battery-${each.battery_number}`);
  return found.length ? found[0].battery_id : null;
}

function value(reading, field) {
  const raw = reading[field.key];
  if (field.key === "time") return second(raw);
  if (raw === null) return "–";
  if (Array.isArray(raw)) return raw.join(" ") + " " + field.unit;
  if (typeof raw === "object")
    return Object.entries(raw).map(([name, each]) => `${name}: ${each === null ? "–" : each}`).join("  ") + " " + field.unit;
  if (field.words[raw]) return field.words[raw];
  return typeof raw === "number" && field.unit ? number(raw, field.digits, field.unit) : String(raw);
}

// The word of the JSON beside that of the page, where they differ.
const original = (reading, field) => field.words[reading[field.key]] ? ` = ${reading[field.key]}` : "";

function fieldTables() {
  const cells = new Map();
  const tables = DATA.groups.map(group => el("table", {}, el("caption", {}, group.name), el("tbody", {}, ...group.fields.map(field => {
    const shown = el("td"), json = el("span");
    cells.set(field, [shown, json]);
    return el("tr", {}, el("th", {scope: "row"}, field.label, el("small", {}, el("code", {}, field.key, json), el("span", {class: "meaning"}, " " + field.note))), shown);
  }))));
  return [tables, cells];
}

function openDetail(id) {
  const parts = {id, title: el("h3", {id: "chosen", tabindex: "-1"}), ills: el("ul", {class: "ills"}), bars: el("ol", {class: "bars"}),
    scale: el("p", {class: "scale", "aria-hidden": "true"}), median: el("h4")};
  const close = el("button", {type: "button"}, "Close");
  const box = el("div", {class: "history"}), [tables, values] = fieldTables();
  const fields = el("div", {class: "fields"}, ...tables);
  const explain = el("button", {type: "button", "aria-pressed": "false"}, "What they mean");
  parts.values = values;
  parts.scaleParts = [0, 1, 2].map(() => el("span"));
  parts.scale.append(...parts.scaleParts);
  parts.box = el("section", {class: "detail", role: "region", "aria-labelledby": "chosen"},
    el("div", {class: "bar-head"}, parts.title, close), parts.ills,
    el("div", {class: "columns"}, el("div", {}, parts.median, parts.scale, parts.bars), box),
    el("div", {class: "bar-head"}, el("h4", {}, "All fields"), explain), fields);
  explain.addEventListener("click", () => explain.setAttribute("aria-pressed", String(fields.classList.toggle("explained"))));
  close.addEventListener("click", () => closeDetail());
  rows.get(id).item.append(parts.box);
  parts.history = new Charts(box, STATE.known.get(id).battery_number, ["charge", "cells", "heat"]);
  return parts;
}

// Shows the battery of the address; ``arrived`` is whether somebody has just asked for it.
function showDetail(arrived = false) {
  const id = chosen();
  if (detail && detail.id !== id) {
    detail.history.close(); detail.box.remove();
    if (rows.has(detail.id)) rows.get(detail.id).link.setAttribute("aria-expanded", "false");
    detail = null;
  }
  if (!id) return;
  const begins = !detail;
  if (begins) {
    detail = openDetail(id);
    rows.get(id).link.setAttribute("aria-expanded", "true");
  }
  const reading = STATE.known.get(id), fact = STATE.facts.get(id);
  put(detail.title, `Battery ${reading.battery_number}`);
  showIlls(findingsOf(id), stale(id) ? reading.time : null);
  showBars(reading.cell_voltages, fact);
  for (const [field, [shown, json]] of detail.values) { put(shown, value(reading, field)); put(json, original(reading, field)); }
  flag(detail.box, "old", stale(id));
  if (begins || arrived) {
    detail.title.focus({preventScroll: true});
    rows.get(id).item.scrollIntoView({block: "start"});
  }
}

function showIlls(found, since) {
  const texts = found.map(each => each.sentence.replace(/^Battery \d+: /, "") + each.kind).join() + since;
  if (detail.ills.dataset.texts === texts) return;
  detail.ills.dataset.texts = texts;
  const lines = found.map(each => el("li", {}, el("b", {class: "sign " + each.severity, "aria-hidden": "true"}),
    el("div", {}, el("b", {}, each.sentence.replace(/^Battery \d+: (.)/, (_, letter) => letter.toUpperCase())),
      el("p", {class: "remedy"}, ...marked(DATA.kinds[each.kind].remedy)))));
  if (since !== null) lines.push(el("li", {}, "These values are " + asOf(since) + "."));
  detail.ills.replaceChildren(...lines);
}

// The bars begin at the median: their length is how far a cell is from the others.
function showBars(cells, fact) {
  const middle = fact.cell_median, most = Math.max(DATA.mark_mv, ...cells.map(mv => Math.abs(mv - middle)));
  const reach = Math.ceil(most / 10) * 10;
  [signed(-reach, 0, "mV"), "0", signed(reach, 0, "mV")].forEach((text, place) => put(detail.scaleParts[place], text));
  put(detail.median, `Cells, from their median of ${number(middle, 0, "mV")}`);
  while (detail.bars.children.length < cells.length)
    detail.bars.append(el("li", {}, el("span"), el("span", {class: "track"}, el("i")), el("span")));
  cells.forEach((mv, place) => {
    const [name, track, text] = detail.bars.children[place].children, bar = track.firstChild, share = (mv - middle) / reach * 50;
    const mark = fact.marked_cells[place + 1];
    put(name, String(place + 1));
    bar.style.left = Math.min(50, 50 + share) + "%";
    bar.style.width = Math.abs(share) + "%";
    bar.className = share < 0 ? "low" : "high";
    put(text, `${mark ? DATA.marks[mark] + " " : ""}${number(mv, 0, "mV")}`);
  });
}

function closeDetail() {
  if (!detail) return;
  const {link} = rows.get(detail.id);
  history.pushState(null, "", location.pathname + location.search);
  showDetail();
  link.focus();
}

addEventListener("hashchange", () => showDetail(true));
addEventListener("popstate", () => showDetail());
document.addEventListener("keydown", event => { if (event.key === "Escape") closeDetail(); });
