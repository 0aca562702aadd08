// What the bridge sends: each cycle, and every second its health.

const GONE_MS = 5000, RETRY_MS = 2000;
let source = null, heard = 0, due = false, changed = false;

// Once for all that comes in the time of a frame, and not while nobody sees it; the tab is always seen.
// ``values`` is whether more than the health has changed.
function show(values = true) {
  showTab();
  changed ||= values;
  if (due) return;
  due = true;
  requestAnimationFrame(() => {
    if (changed) { showBank(); showBatteries(); }
    showAttention();
    showLive();
    due = changed = false;
  });
}

function showLive() {
  const {open, health, bank} = STATE, old = !open || !health || health.old;
  const word = !open ? "No answer" : old ? "No readings" : "Live";
  put($("live-word"), bank ? `${word} ${old ? asOf(bank.time) : clock(bank.time)}` : word);
  $("live").className = old ? "old" : "";
  put($("about"), `eflexcan2mqtt ${DATA.version}` + (health && health.frames !== undefined
    ? `, running for ${duration(health.uptime_s)}, ${number(health.frames, 0)} frames, ${number(health.cycles, 0)} cycles` : "")
    + (bank ? `, last update ${second(bank.time)}` : ""));
}

function keep(readings, facts) {
  for (const each of readings) STATE.known.set(each.battery_id, each);
  for (const id in facts) STATE.facts.set(id, facts[id]);
}

function connect() {
  if (source) source.close();
  source = new EventSource("events");
  heard = Date.now();
  source.addEventListener("past", event => {
    const past = JSON.parse(event.data);
    STATE.known.clear(); STATE.facts.clear();
    keep(past.known, past.facts);
    answered();
  });
  source.addEventListener("cycle", event => {
    const cycle = JSON.parse(event.data);
    keep(cycle.batteries, cycle.facts);
    STATE.bank = cycle.bank;
    answered();
  });
  source.addEventListener("health", event => {
    const marks = () => STATE.health && JSON.stringify([STATE.health.old, STATE.health.stale, findings().map(keyOf)]);
    const before = marks();
    STATE.health = JSON.parse(event.data);
    answered(before !== marks());
  });
  source.onerror = () => { lost(); if (source.readyState === EventSource.CLOSED) setTimeout(connect, RETRY_MS); };
}

// Nothing is shown before the first health: what needs attention must not push aside what is read.
function answered(values = true) {
  heard = Date.now();
  const back = !STATE.open;
  STATE.open = Boolean(STATE.health);
  if (STATE.open) show(values || back);
}
function lost() { if (STATE.open || !STATE.health) { STATE.open = false; show(); } }

put($("title"), DATA.title);
new Charts($("history"), "bank", ["charge"]);
if (DATA.history) showToday();
if (DATA.recorder) new Recordings($("recordings"));
setInterval(() => { if (Date.now() - heard > GONE_MS) { lost(); connect(); } }, 1000);
connect();
