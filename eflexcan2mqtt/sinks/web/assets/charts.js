// Charts of what the bridge has kept: of the bank, and of a battery that is opened.

const RANGES = {"6 hours": 6, Day: 24, Week: 7 * 24, Month: 30 * 24, Year: 365 * 24};  // in hours
const REFRESH_MS = 60000;
const NONE = "No charts: the bridge keeps no history. With [storage] directory in its settings it does.";
const NOTHING = {left: 0, width: 0, top: 0, height: 0};
const charts = new Set();

// An answer of /history; an error has a sentence that says why there is none.
async function ask(query) {
  const answer = await fetch("history?" + new URLSearchParams(query)).catch(() => null);
  if (!answer) throw Error("The bridge does not answer.");
  const text = await answer.text();
  if (answer.ok) return JSON.parse(text);
  throw Error(text.trim().replace(/^\w/, letter => letter.toUpperCase()));
}

const between = (low, high, digits, unit) => `${number(low, digits)} to ${number(high, digits, unit)}`;

// A plot: its rows of the answer, how they look, and how a value reads.
const PLOTS = {
  charge: {
    label: "Charge and power",
    rows: found => [found.soc.mean, found.power.max, found.power.min, found.power.mean].map(
      (row, place) => place ? row.map(watts => watts === null ? null : watts / 1000) : row),
    scales: {left: {range: [0, 100]}, right: {range: (u, low, high) => padded(Math.min(low ?? 0, 0), Math.max(high ?? 0, 0), 0.2)}},
    series: [
      {scale: "left", colour: "charge", width: 2.5, area: true}, {scale: "right", colour: "power", edge: true},
      {scale: "right", colour: "power", edge: true}, {scale: "right", colour: "power", width: 1.5},
    ],
    bands: [[2, 3]],
    axes: [["left", "%", 0], ["right", "kW", 1]],
    zero: "right",
    keys: [["charge", "Charge, %"], ["power", "Power, kW"]],
    read: (found, place) => [number(found.soc.mean[place], 0, "%"), signed(found.power.mean[place], 0, "W"),
      `(${between(found.power.min[place], found.power.max[place], 0, "W")})`],
  },
  cells: {
    label: "Lowest and highest cell",
    rows: found => [found.cells.low_mv, found.cells.high_mv],
    scales: {left: {range: (u, low, high) => padded(low, high, 10)}},
    series: [{scale: "left", colour: "low-line", width: 1.5}, {scale: "left", colour: "high-line", width: 1.5}],
    axes: [["left", "mV", 0]],
    keys: [["low-line", "Lowest, mV"], ["high-line", "Highest, mV"]],
    read: ({cells}, place) => [`cell ${cells.low_cell[place]}: ${number(cells.low_mv[place], 0, "mV")}`,
      `cell ${cells.high_cell[place]}: ${number(cells.high_mv[place], 0, "mV")}`],
  },
  heat: {
    label: "Coldest and warmest probe",
    rows: found => [found.temperature.low, found.temperature.high],
    scales: {left: {range: (u, low, high) => padded(low, high, 2)}},
    series: [{scale: "left", colour: "low-line", width: 1.5}, {scale: "left", colour: "high-line", width: 1.5}],
    axes: [["left", "°C", 0]],
    keys: [["low-line", "Coldest, °C"], ["high-line", "Warmest, °C"]],
    read: ({temperature}, place) => [between(temperature.low[place], temperature.high[place], 0, "°C")],
  },
};

function padded(low, high, least) {
  if (low === null || low === undefined) return [0, 1];
  const room = Math.max((high - low) * 0.08, least / 2);
  return [low && low - room, high && high + room];
}

class Charts {
  // ``plots`` are names of PLOTS; they share their time.
  constructor(box, battery, plots) {
    this.battery = battery;
    this.digits = battery === "bank" ? 1 : 2;
    this.hours = 24;
    this.zoom = null;
    this.first = 0;  // when the history begins: a longer range would mostly be empty
    this.note = el("p", {class: "note"}, "Reading the history");
    this.back = el("button", {type: "button"}, "Whole range");
    this.buttons = Object.keys(RANGES).map(name => el("button", {type: "button", "aria-pressed": "false"}, name));
    this.choice = el("div", {class: "choice", role: "group", "aria-label": "Time of the charts"}, ...this.buttons, this.back);
    this.boxes = plots.map(name => ({plot: PLOTS[name], box: el("figure", {class: "plot"}), chart: null}));
    for (const each of this.boxes) {
      each.keys = el("span", {}, ...each.plot.keys.map(([name, text]) => el("span", {class: "key"}, el("i", {class: name}), text)));
      each.read = el("span", {class: "read"});
      each.said = el("p", {class: "said"});
      each.canvas = el("div", {role: "img"});
      if (plots.length > 1) each.box.append(el("h4", {}, each.plot.label));
      each.box.append(el("figcaption", {}, each.keys, each.read), each.canvas);
    }
    this.events = new Events(battery);
    this.area = el("div", {class: "plots"}, ...this.boxes.map(each => each.box), this.events.box);
    box.append(this.choice, this.note, this.area);
    if (!DATA.history) {
      this.choice.hidden = this.area.hidden = true;
      put(this.note, NONE);
      return;
    }
    Object.values(RANGES).forEach((hours, place) =>
      this.buttons[place].addEventListener("click", () => { this.hours = hours; this.zoom = null; this.load(); }));
    this.back.addEventListener("click", () => { this.zoom = null; this.load(); this.buttons[0].parentNode.querySelector("[aria-pressed=true]").focus(); });
    this.resized = new ResizeObserver(() => this.fit());
    this.resized.observe(this.area);
    charts.add(this);
    this.load();
  }

  close() {
    charts.delete(this);
    if (this.resized) this.resized.disconnect();
    this.drop();
  }

  drop() { for (const each of this.boxes) { if (each.chart) each.chart.destroy(); each.chart = null; } }

  async load() {
    const now = Math.ceil(Date.now() / 1000), begin = Math.max(now - this.hours * 3600, this.first);
    const [from, to] = this.zoom || [begin, now];
    Object.values(RANGES).forEach((hours, place) =>
      this.buttons[place].setAttribute("aria-pressed", String(!this.zoom && hours === this.hours)));
    this.back.hidden = !this.zoom;
    const query = {battery: this.battery, from, to, points: Math.min(2000, Math.max(100, Math.round(this.area.clientWidth || 600)))};
    try {
      const found = await ask(query);
      if (!charts.has(this)) return;
      this.range = [from, to];
      this.first = found.first || 0;
      const some = found.time.length > 1;
      put(this.note, some ? "" : "The history begins here: the first points come within five minutes.");
      this.area.hidden = !some;
      this.choice.hidden = false;
      if (this.battery === "bank") $("csv").hidden = false;
      if (some) this.draw(found); else this.drop();
    } catch (error) {
      this.choice.hidden = this.area.hidden = !this.found;
      put(this.note, "No charts. " + error.message);
    }
  }

  draw(found) {
    this.found = found;
    this.events.show(found);
    for (const each of this.boxes) {
      const rows = [found.time, ...each.plot.rows(found)];
      if (each.chart) each.chart.setData(rows); else this.make(each, rows);
      each.chart.setScale("x", {min: this.range[0], max: this.range[1]});
      this.tell(each, null);
      each.canvas.setAttribute("aria-label", this.summary(each));
    }
    performance.mark("drawn");
  }

  make(each, rows) {
    const {plot} = each;
    each.chart = new uPlot({
      ...this.size(each), padding: [10, plot.axes.length > 1 ? 0 : 14, 0, 0],
      legend: {show: false},
      cursor: {drag: {x: true, y: false, setScale: false}, sync: {key: this.battery}, points: {size: 7}},
      scales: {x: {time: true}, ...plot.scales},
      series: [{}, ...plot.series.map(({scale, colour: name, width, edge, area}) => ({
        scale, spanGaps: false, points: {show: false}, stroke: edge ? undefined : () => colour(name), width: edge ? 0 : width,
        fill: area ? () => colour(name + "-soft") : undefined,
      }))],
      bands: (plot.bands || []).map(series => ({series, fill: () => colour("power-soft")})),
      axes: [TIMES, ...plot.axes.map(([scale, unit, digits], place) => ({
        ...axis(place), scale, size: place ? 40 : 46,
        values: (u, splits) => splits.map(value => number(value, digits && this.digits)),
      }))],
      hooks: {
        ready: [u => { u.over.append(each.said); this.touch(u); }],
        setCursor: [u => { this.tell(each, u.cursor.idx); put(each.said, this.events.near(u)); }],
        setSelect: [u => this.select(u)],
        drawClear: [u => plot.zero && this.zero(u, plot.zero)],
        draw: [u => this.events.mark(u)],
      },
    }, rows, each.canvas);
  }

  // Above the line of no power the bank charges, below it discharges.
  zero(u, scale) {
    const y = Math.round(u.valToPos(0, scale, true)) + 0.5, {ctx, bbox} = u;
    ctx.save();
    ctx.strokeStyle = colour("dim"); ctx.setLineDash([4, 4]); ctx.beginPath();
    ctx.moveTo(bbox.left, y); ctx.lineTo(bbox.left + bbox.width, y); ctx.stroke();
    ctx.restore();
  }

  size(each) { return {width: Math.max(200, each.canvas.clientWidth), height: this.boxes.length > 1 ? 180 : Math.max(220, each.canvas.clientHeight)}; }
  fit() { for (const each of this.boxes) if (each.chart) each.chart.setSize(this.size(each)); }
  repaint() { for (const each of this.boxes) if (each.chart) each.chart.redraw(); }

  tell(each, place) {
    const at = place !== null && place !== undefined && each.plot.rows(this.found)[0][place] !== null;
    put(each.read, at ? [when(this.found.time[place]), ...each.plot.read(this.found, place)].join("  ") : "");
  }

  // A finger that moves sideways selects, as the mouse does; moved up or down it scrolls the page.
  touch(u) {
    const {over} = u, listen = (name, does) => over.addEventListener("pointer" + name, does);
    let from = null;
    const at = event => Math.min(over.clientWidth, Math.max(0, event.clientX - over.getBoundingClientRect().left));
    listen("down", event => { from = event.pointerType === "touch" && event.isPrimary ? at(event) : null; });
    listen("move", event => {
      if (from === null || !event.isPrimary) return;
      const left = at(event);
      u.setCursor({left, top: 0}, true, true);
      u.setSelect({left: Math.min(from, left), width: Math.abs(left - from), top: 0, height: over.clientHeight}, false);
    });
    listen("up", () => { if (from !== null) this.select(u); from = null; });
    listen("cancel", () => { from = null; u.setSelect(NOTHING, false); });
  }

  select(u) {
    const {left, width} = u.select, ends = [left, left + width].map(each => Math.round(u.posToVal(each, "x")));
    u.setSelect(NOTHING, false);
    if (width < 8 || ends[1] - ends[0] < 300) return;
    this.zoom = ends;
    this.load();
  }

  summary(each) {
    const rows = each.plot.rows(this.found).map(row => row.filter(value => value !== null));
    const parts = each.plot.keys.map(([, text], place) => {
      const row = place ? rows[rows.length - 1] : rows[0];
      return row.length ? `${text}: ${between(Math.min(...row), Math.max(...row), 1)}` : "";
    });
    return `${each.plot.label} from ${when(this.range[0])} to ${when(this.range[1])}. ${parts.join("; ")}`;
  }
}

if (DATA.history) setInterval(() => {
  if (document.hidden) return;
  showToday();
  for (const each of charts) if (!each.zoom) each.load();
}, REFRESH_MS);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => charts.forEach(each => each.repaint()));
