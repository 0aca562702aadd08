// The page of the command explore: what was found, and a chart of each byte that changed.

const colour = name => getComputedStyle(document.documentElement).getPropertyValue("--" + name);
const charts = [];
const seen = new IntersectionObserver(entries => {
  for (const {isIntersecting, target} of entries) if (isIntersecting) { seen.unobserve(target); target.draw(); }
}, {rootMargin: "400px"});

// Of the battery in which the byte changed most; what it follows has an axis of its own.
function plot({battery, time, values, known, beside}, name) {
  const key = (style, text) => el("span", {class: "key"}, el("i", {class: style}), text);
  const read = el("span", {class: "read"});
  const canvas = el("div", {role: "img", "aria-label": `${name} of battery ${battery}: ${Math.min(...values)} to ${Math.max(...values)}`});
  const keys = el("span", {}, key("charge", `${name}, battery ${battery}`), ...known ? [key("known", `${known}, as sent`)] : []);
  const text = () => colour("dim"), grid = {stroke: () => colour("line"), width: 1};
  const axis = {stroke: text, font: "12px system-ui, sans-serif", grid, ticks: {show: false}};
  const range = (u, low, high) => low === high ? [low - 1, high + 1] : [low - (high - low) * 0.05, high + (high - low) * 0.05];
  const steps = uPlot.paths.stepped({align: 1});
  const size = () => ({width: Math.max(200, canvas.clientWidth), height: 180});
  canvas.draw = () => {
    const chart = new uPlot({
      ...size(), padding: [10, known ? 0 : 14, 0, 0], legend: {show: false}, cursor: {points: {size: 7}},
      scales: {x: {time: true}, left: {range}, right: {range}},
      series: [{}, {scale: "left", stroke: () => colour("charge"), width: 2, paths: steps, points: {show: false}},
        ...known ? [{scale: "right", stroke: () => colour("power"), width: 1, paths: steps, points: {show: false}}] : []],
      axes: [{...axis, space: 64, size: 28, values: (u, splits) => splits.map(each => moment(each).toLocaleTimeString("en-GB", HOUR))},
        {...axis, scale: "left", size: 52, space: 36}, ...known ? [{...axis, scale: "right", side: 1, grid: {show: false}, size: 52, space: 36}] : []],
      hooks: {setCursor: [({cursor: {idx}}) => put(read, idx === null || idx === undefined ? ""
        : [clock(time[idx]), values[idx], ...known ? [beside[idx]] : []].join("  "))]},
    }, [time, values, ...known ? [beside] : []], canvas);
    new ResizeObserver(() => chart.setSize(size())).observe(canvas);
    charts.push(chart);
  };
  seen.observe(canvas);
  return el("figure", {class: "plot"}, el("figcaption", {}, keys, read), canvas);
}

function related({name, rows}) {
  const cells = rows.map(([known, lag, numbers]) => el("tr", {}, el("th", {scope: "row"}, known), el("td", {}, String(lag)), el("td", {}, numbers)));
  const head = el("tr", {}, ...["Field", "Lag", "What changed with it"].map(each => el("th", {scope: "col"}, each)));
  return el("details", {}, el("summary", {}, `${name} against each of ${rows.length} known numbers; lag in cycles`),
    el("table", {class: "related"}, el("thead", {}, head), el("tbody", {}, ...cells)));
}

const notes = texts => texts.map(each => each.startsWith("Warning: ")
  ? el("p", {class: "also warning"}, each.slice(9)) : el("p", {class: "also"}, each));

put($("summary"), DATA.summary);
for (const {title, sentence, also, warning, chart} of DATA.claims)
  $("claims").append(el("li", {class: "card"}, el("h3", {}, title), el("p", {}, `It ${sentence}`), ...notes(also),
    ...warning ? [el("p", {class: "also warning"}, warning)] : [], plot(chart, title)));
if (!DATA.claims.length) $("claims").append(el("li", {}, DATA.nothing));
for (const {title, values, changes, notes: texts, related: tables, chart} of DATA.bytes)
  $("bytes").append(el("li", {class: "card"}, el("h3", {}, title), el("p", {}, `Values: ${values}. Changes: ${changes}.`), ...notes(texts),
    ...chart ? [plot(chart, title)] : [], ...tables.map(related)));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => charts.forEach(each => each.redraw()));
