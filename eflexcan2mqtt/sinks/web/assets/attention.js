// What needs attention, at the top of the page, in the title of the tab and in its icon.

const FIRST = 5;  // so many are shown at once: what is below must stay in sight
const GONE = "The bridge does not answer: these values are old.";
const shownFindings = new Map();  // key of a finding -> its elements
let allShown = false;

const keyOf = each => each.key || `${each.kind} ${each.battery_number}`;

// What is not on the list of the bridge, or not yet.
function notes() {
  const note = (sentence, severity) => ({key: "note " + sentence.replace(/\d+/g, ""), sentence, severity, since: null});
  if (!STATE.health) return [note("Connecting to the bridge", "notice")];
  return STATE.open ? STATE.health.notes.map(each => note(each, "notice")) : [note(GONE, "problem")];
}

function lines() {
  const both = [...notes(), ...findings()];
  return ["problem", "notice"].flatMap(severity => both.filter(each => each.severity === severity));
}

function findingItem(each) {
  const part = {words: el("span", {class: "words"}), since: el("span", {class: "since"})};
  const reading = STATE.known.get(each.battery_id);
  const words = reading ? el("a", {href: "#" + address(reading)}) : part.words;
  if (reading) { words.append(part.words); words.className = "open"; }
  part.item = el("li", {class: "finding " + each.severity},
    el("b", {class: "sign " + each.severity, "aria-hidden": "true"}),
    el("div", {}, el("span", {class: "severity"}, each.severity), " ", words, " ", part.since));
  const remedy = DATA.kinds[each.kind]?.remedy;
  // Why there is no bus has its own next step; a battery shows its own when it is opened.
  if (remedy && !each.battery_id && each.sentence !== STATE.health.problem)
    part.item.lastChild.append(el("p", {class: "remedy"}, ...marked(remedy)));
  shownFindings.set(keyOf(each), part);
  return part;
}

function showAttention() {
  const found = lines(), keys = found.map(keyOf), news = [];
  for (const [each, part] of shownFindings) if (!keys.includes(each)) {
    news.push("needs attention no more: " + part.words.textContent);
    part.item.remove(); shownFindings.delete(each);
  }
  const items = found.map(each => {
    if (!shownFindings.has(keyOf(each))) news.push("needs attention: " + each.sentence);
    const part = shownFindings.get(keyOf(each)) || findingItem(each);
    if (part.sentence !== each.sentence) part.words.replaceChildren(...marked(part.sentence = each.sentence));
    put(part.since, each.since === null ? "" : "since " + when(each.since));
    return part.item;
  });
  arrange($("findings"), items);
  // One that is alone behind the button would take no more room than the button.
  const most = allShown || items.length <= FIRST + 1 ? items.length : FIRST;
  items.forEach((item, place) => { item.hidden = place >= most; });
  $("more").hidden = items.length <= FIRST + 1;
  $("more").setAttribute("aria-expanded", String(allShown));
  put($("more"), allShown ? "Show fewer" : `Show ${items.length - most} more`);
  $("calm").hidden = found.length > 0 || !STATE.bank;
  // A screen reader speaks what begins and ends, not each new value in a sentence.
  if (news.length) put($("news"), news.join("; "));
}

const ICON = {
  none: ["#1d7a3e", ""],
  notice: ["#8a5a00", "i"],
  problem: ["#b3261e", "!"],
};

function showTab() {
  const listed = findings(), many = listed.length;
  const count = many ? `${many} need${many > 1 ? "" : "s"} attention – ` : "";
  document.title = (STATE.open ? count : "No answer – ") + DATA.title;
  const worst = !STATE.open ? "problem" : listed.length ? listed[0].severity : "none";
  const [colour, sign] = ICON[worst], icon = $("icon");
  if (icon.dataset.worst === worst) return;
  icon.dataset.worst = worst;
  icon.href = "data:image/svg+xml," + encodeURIComponent(
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect x="12" y="1" width="8" height="5" fill="${colour}"/>`
    + `<rect x="5" y="4" width="22" height="27" rx="4" fill="${colour}"/><text x="16" y="25" text-anchor="middle" `
    + `font-family="sans-serif" font-weight="bold" font-size="20" fill="#fff">${sign}</text></svg>`);
}

$("more").addEventListener("click", () => { allShown = !allShown; showAttention(); });
