// The recordings of the recorder, and what it has learned.

const ASK_MS = 60000;

class Recordings {
  constructor(section) {
    this.section = section;
    this.fold = new Fold("Recordings", "Earlier recordings");
    this.notes = el("p", {class: "hint"});
    section.append(this.fold.box, this.notes);
    this.ask();
    setInterval(() => document.hidden || this.ask(), ASK_MS);
  }

  async ask() {
    try {
      const answer = await fetch("recordings");
      if (answer.ok) this.show(await answer.json());
    } catch { /* the head of the page says that nothing answers */ }
  }

  // Equal ones are not made anew: the focus stays.
  show(found) {
    const same = JSON.stringify(found);
    if (this.same === same) return;
    this.same = same;
    this.fold.show(found.recordings.map(this.line), found.recordings.length);
    const bits = Object.entries(found.alarm_bits).map(([key, set]) => `level ${key.slice(-1)}: ${set.join(", ")}`);
    put(this.notes, [
      found.recordings.some(each => !each.download) && "What shows serial numbers can be had here once there is a password.",
      bits.length && `Alarm bits that were ever set: ${bits.join("; ")}.`,
      found.muted.length && `Bytes that change often, and are not recorded: ${found.muted.join(", ")}.`,
    ].filter(Boolean).join(" "));
    this.section.hidden = !found.recordings.length && !this.notes.textContent;
  }

  line({name, time, why, bytes, download}) {
    const words = `${second(time)} ${why.replaceAll("-", " ")}`, size = number(bytes / 1e6, 2, "MB");
    return el("li", {}, el("span", {}, words),
      download ? el("a", {href: "recordings/" + name, download: "", "aria-label": `Get ${words}, ${size}`}, size) : el("span", {}, size));
  }
}
