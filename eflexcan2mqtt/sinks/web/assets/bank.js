// The bank as a whole: charge, power, what is ahead, and a few more values.

const FLOW_WORDS = {charging: "▲ Charging", discharging: "▼ Discharging", "at rest": "● At rest"};

function trend(bank) {
  if (!bank.per_hour) return "→ steady";
  return `${bank.per_hour > 0 ? "↗" : "↘"} ${signed(bank.per_hour, 1, "%/h")}`;
}

function ahead(bank) {
  if (bank.target === null) return "";
  const goal = {100: "Full", 0: "Empty"}[bank.target] || `${bank.target}\u00a0%`;
  return `${goal} in ${duration(bank.target_s)}, at ${when(bank.time + bank.target_s)}`;
}

function showBank() {
  const {bank, health} = STATE, old = !STATE.open || !health || health.old;
  $("overview").hidden = !bank;
  if (!bank) return;
  const soc = Math.round(bank.battery_soc);
  put($("soc"), number(soc, 0, "%"));
  put($("power"), signed(Math.round(bank.power), 0, "W"));
  put($("flow-word"), FLOW_WORDS[bank.flow]);
  $("flow").className = "figure " + (old ? "" : bank.flow.replace(" ", "-"));
  $("bar-soc").style.width = bank.battery_soc + "%";
  put($("trend"), old ? asOf(bank.time) : trend(bank));
  put($("target"), old ? "" : ahead(bank));
  put($("present"), `${bank.batteries_present} of ${bank.batteries_in_system}`);
  put($("voltage"), number(bank.battery_voltage, 1, "V"));
  put($("current"), signed(bank.battery_current, 1, "A"));
  put($("spread"), number(bank.cell_spread, 0, "mV"));
  put($("spread-battery"), `battery ${bank.cell_spread_battery}`);
  put($("alarm"), bank.alarm);
  $("alarm-box").hidden = bank.alarm_status === "Normal";
  flag($("bank"), "old", old);
}

// From the history, as it is kept: without one there is no line.
async function showToday() {
  const midnight = new Date().setHours(0, 0, 0, 0) / 1000;
  const energy = await ask({from: midnight, to: Math.ceil(Date.now() / 1000), points: 1}).then(found => found.energy, () => null);
  $("today").hidden = !energy;
  if (!energy) return;
  put($("energy-in"), number(energy.in_kwh, 1, "kWh"));
  put($("energy-out"), number(energy.out_kwh, 1, "kWh"));
}

$("bar-low").style.left = DATA.low_soc + "%";
