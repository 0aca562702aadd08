// The events of a chart: as marks, in what is read at the cursor, and as a list below.

const NEAR_PX = 6;

class Events {
  constructor(battery) {
    this.bank = battery === "bank";
    this.list = [];
    this.fold = new Fold("Events", "Earlier events");
    this.box = this.fold.box;
  }

  // Equal events are not made anew: a reader's selection and place stay.
  show({events, events_left_out: more}) {
    const lines = [], same = JSON.stringify([events, more]);
    this.list = events;
    if (this.same === same) return;
    this.same = same;
    for (const each of events)
      lines.unshift(el("li", {}, el("b", {class: each.begin ? "begins" : "ends", "aria-hidden": "true"}), el("span", {}, this.words(each))));
    if (more) lines.push(el("li", {}, `and ${number(more, 0)} more`));
    this.fold.show(lines, events.length + more);
  }

  words({time, battery, text}) { return `${second(time)} ${this.bank && battery ? `battery ${battery}: ` : ""}${text}`; }

  // What is at the cursor, in few lines.
  near(u) {
    const found = this.list.filter(({time}) => Math.abs(u.valToPos(time, "x") - u.cursor.left) <= NEAR_PX);
    const lines = found.slice(0, LATEST).map(each => this.words(each));
    if (found.length > LATEST) lines.push(`and ${found.length - LATEST} more`);
    return lines.join("\n");
  }

  // What begins is a line below a triangle, what ends a dashed line below a ring.
  mark(u) {
    const {ctx, bbox: {left, top, width, height}} = u, px = devicePixelRatio, r = 4 * px;
    ctx.save();
    ctx.lineWidth = px;
    for (const {time, begin} of this.list) {
      const x = Math.round(u.valToPos(time, "x", true)) + px / 2;
      if (x < left || x > left + width) continue;
      ctx.strokeStyle = ctx.fillStyle = colour(begin ? "warn" : "good");
      ctx.setLineDash(begin ? [] : [r, r]);
      ctx.beginPath(); ctx.moveTo(x, top); ctx.lineTo(x, top + height); ctx.stroke();
      ctx.setLineDash([]);
      ctx.beginPath();
      if (begin) { ctx.moveTo(x, top); ctx.lineTo(x - r, top - 2 * r); ctx.lineTo(x + r, top - 2 * r); ctx.fill(); }
      else { ctx.arc(x, top - r, r - px, 0, 7); ctx.stroke(); }
    }
    ctx.restore();
  }
}
