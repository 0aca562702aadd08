// The colours and axes of all charts.

const colour = name => getComputedStyle(document.documentElement).getPropertyValue("--" + name);
const AXIS = {stroke: () => colour("dim"), font: "12px system-ui, sans-serif", grid: {stroke: () => colour("line"), width: 1}, ticks: {show: false}};
const TIMES = {...AXIS, values: ticks, space: 64, size: 28};
// The first stands on the left and has the lines, a second one on the right.
const axis = place => ({...AXIS, side: place ? 1 : 3, grid: {...AXIS.grid, show: !place}, space: 36});

// Hours within a day, days beyond; each midnight has the date.
function ticks(u, splits, axis, space, step) {
  const date = {day: "numeric", month: "short"}, long = {month: "short", year: "numeric"};
  return splits.map(each => {
    const then = moment(each);
    if (step >= 27 * 86400) return then.toLocaleDateString("en-GB", long);
    const midnight = then.getHours() === 0 && then.getMinutes() === 0;
    return step >= 86400 || midnight ? then.toLocaleDateString("en-GB", date) : then.toLocaleTimeString("en-GB", HOUR);
  });
}
