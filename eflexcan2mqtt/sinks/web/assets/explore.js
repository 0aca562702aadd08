// The page of the command explore: what was found, and a chart of each byte that changed.

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
  const range = (u, low, high) => low === high ? [low - 1, high + 1] : [low - (high - low) * 0.05, high + (high - low) * 0.05];
  const steps = uPlot.paths.stepped({align: 1});
  const size = () => ({width: Math.max(200, canvas.clientWidth), height: 180});
  canvas.draw = () => {
    const chart = new uPlot({
      ...size(), padding: [10, known ? 0 : 14, 0, 0], legend: {show: false}, cursor: {points: {size: 7}},
      scales: {x: {time: true}, left: {range}, right: {range}},
      series: [{}, {scale: "left", stroke: () => colour("charge"), width: 2, paths: steps, points: {show: false}},
        ...known ? [{scale: "right", stroke: () => colour("power"), width: 1, paths: steps, points: {show: false}}] : []],
      axes: [TIMES, ...["left", ...known ? ["right"] : []].map((scale, place) => ({...axis(place), scale, size: 52}))],
      hooks: {setCursor: [({cursor: {idx}}) => put(read, idx === null || idx === undefined ? ""
        : [second(time[idx]), values[idx], ...known ? [beside[idx]] : []].join("  "))]},
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

const said = ({notes, warning}) => [...notes.map(each => el("p", {class: "also"}, each)),
  ...warning ? [el("p", {class: "also warning"}, warning)] : []];

put($("summary"), DATA.summary);
for (const each of DATA.claims)
  $("claims").append(el("li", {class: "card"}, el("h3", {}, each.title), el("p", {}, `It ${each.sentence}`), ...said(each),
    plot(each.chart, each.title)));
if (!DATA.claims.length) $("claims").append(el("li", {}, DATA.nothing));
for (const each of DATA.bytes)
  $("bytes").append(el("li", {class: "card"}, el("h3", {}, each.title), el("p", {}, `Values: ${each.values}. Changes: ${each.changes}.`),
    ...said(each), ...each.chart ? [plot(each.chart, each.title)] : [], ...each.related.map(related)));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => charts.forEach(each => each.redraw()));
