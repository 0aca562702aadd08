// The list of batteries: a line and a strip of cells for each; together the strips are a matrix.

const rows = new Map();  // battery_id -> its elements
let view = "distance";

const count = cells => cells.map((_, place) => place);
const shade = (name, share) => `color-mix(in srgb, var(--${name}) ${Math.round(100 * Math.min(1, share))}%, var(--cell))`;

// The lowest and the highest cell of all batteries that are not stale, in mV.
function extremes() {
  const cells = [...STATE.known.values()].filter(each => !stale(each.battery_id)).flatMap(each => each.cell_voltages);
  return cells.length ? [Math.min(...cells), Math.max(...cells)] : [0, 1];
}

function showLegend([low, high]) {
  const distance = view === "distance";
  $("legend").className = view;
  put($("legend-low"), distance ? `−${DATA.striking_mv} mV` : number(low, 0, "mV"));
  put($("legend-high"), distance ? `+${DATA.striking_mv} mV` : number(high, 0, "mV"));
  put($("legend-wide"), distance ? `no number: within ${DATA.quiet_mv} mV of it` : "");
  put($("legend-words"), `▼ ▲ over ${DATA.mark_mv} mV from the median`);
}

function row(id) {
  const part = {item: el("li"), link: el("a", {class: "open", "aria-expanded": "false"}), sign: el("b", {class: "sign", "aria-hidden": "true"}),
    cells: el("span", {class: "strip", role: "img"}), bars: []};
  for (const name of ["name", "soc", "volts", "amps", "heat", "low", "high", "spread", "words"])
    part[name] = el("span", {class: name});
  part.link.append(part.name);
  part.item.append(part.sign, part.link, part.soc, part.volts, part.amps, part.heat, part.cells, part.low, part.high, part.spread, part.words);
  part.link.addEventListener("click", event => {
    if (part.link.getAttribute("aria-expanded") === "true") { event.preventDefault(); closeDetail(); }
  });
  rows.set(id, part);
  return part;
}

function showBattery(reading, ends) {
  const id = reading.battery_id, part = rows.get(id) || row(id), fact = STATE.facts.get(id);
  const cells = reading.cell_voltages, old = stale(id), found = findingsOf(id);
  const words = [...found.map(each => DATA.kinds[each.kind].label), ...(old ? [asOf(reading.time)] : [])];
  if (part.item.id !== address(reading)) { part.item.id = address(reading); part.link.href = "#" + part.item.id; }
  const name = `Battery ${reading.battery_number}`, spread = number(fact.cell_spread, 0, "mV");
  put(part.name, String(reading.battery_number));
  part.link.setAttribute("aria-label", `${name}, ${reading.battery_soc} percent, ${fact.flow}`
    + (words.length ? ": " + words.join(", ") : ""));
  put(part.soc, number(reading.battery_soc, 0, "%"));
  put(part.volts, number(reading.battery_voltage, 1, "V"));
  put(part.amps, signed(reading.battery_current, 1, "A"));
  put(part.heat, number(reading.max_temp, 0, "°C"));
  put(part.low, number(Math.min(...cells), 0));
  put(part.high, number(Math.max(...cells), 0));
  put(part.spread, spread);
  put(part.words, words.join(" · "));
  const worst = found.length ? found[0].severity : "";
  if (part.sign.className !== "sign " + worst) part.sign.className = "sign " + worst;
  for (const each of ["problem", "notice"]) flag(part.item, each, worst === each);
  flag(part.item, "old", old);
  while (part.bars.length < cells.length) {
    const bar = {box: el("i"), mark: el("b"), text: el("span")};
    bar.box.append(bar.mark, bar.text);
    part.cells.append(bar.box); part.bars.push(bar);
  }
  cells.forEach((mv, place) => {
    const bar = part.bars[place], distance = Math.round(mv - fact.cell_median);
    const background = old ? "" : view === "distance" ? shade(distance < 0 ? "low" : "high", Math.abs(distance) / DATA.striking_mv)
      : shade("charge", 0.85 * (mv - ends[0]) / (ends[1] - ends[0] || 1));
    if (bar.background !== background) bar.box.style.background = bar.background = background;
    put(bar.mark, DATA.marks[fact.marked_cells[place + 1]] || "");
    put(bar.text, view === "absolute" ? String(mv) : Math.abs(distance) <= DATA.quiet_mv ? "" : signed(distance, 0));
  });
  const label = `cells ${Math.min(...cells)} to ${Math.max(...cells)} millivolts`;
  if (part.cells.getAttribute("aria-label") !== label) part.cells.setAttribute("aria-label", label);
}

function showBatteries() {
  const all = [...STATE.known.values()].sort((a, b) => a.battery_number - b.battery_number), ends = extremes();
  $("cells").hidden = !all.length;
  $("empty").hidden = all.length > 0;
  if (!all.length) return;
  for (const [id, part] of rows) if (!STATE.known.has(id)) { part.item.remove(); rows.delete(id); }
  showLegend(ends);
  if (!$("columns").children.length) $("columns").append(...["", "Charge", "Voltage", "Current", "Warmest"].map(each => el("span", {}, each)),
    el("span", {class: "strip"}, ...count(all[0].cell_voltages).map(place => el("span", {}, String(place + 1)))),
    ...["Low", "High", "Spread"].map(each => el("span", {}, each)));
  all.forEach(each => showBattery(each, ends));
  arrange($("batteries"), all.map(each => rows.get(each.battery_id).item));
  showDetail();
}

$("view").addEventListener("click", event => {
  if (!event.target.value) return;
  view = event.target.value;
  for (const each of $("view").children) each.setAttribute("aria-pressed", String(each.value === view));
  showBatteries();
});
