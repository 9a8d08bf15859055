// Keeps the strips current.
import { follow } from "./live.js";

const table = document.getElementById("strips");
const language = document.documentElement.lang;
const SIGNS = { OK: "●", WARN: "▲", STOP: "■", STALL: "◆", REWIND: "◀" };

const amount = (value) => new Intl.NumberFormat(language).format(value);

function age(seconds) {
  if (seconds === null) return "–";
  for (const [size, unit] of [[86400, table.dataset.day], [3600, table.dataset.hour], [60, table.dataset.minute]]) {
    if (seconds >= size) return `${Math.floor(seconds / size)} ${unit}`;
  }
  return seconds >= 1 || seconds === 0 ? `${Math.round(seconds)} s` : `${Math.round(seconds * 1000)} ms`;
}

function write(row, field, text) {
  const cell = row.querySelector(`[data-field="${field}"]`);
  const place = cell?.querySelector("a") ?? cell;
  if (place && place.textContent.trim() !== text) place.textContent = text;
}

function judge(row, verdict) {
  const place = row.querySelector(".verdict");
  if (place.textContent.includes(verdict)) return;
  place.className = `verdict ${verdict.toLowerCase()}`;
  place.textContent = `${SIGNS[verdict]} ${verdict}`;
  document.getElementById("announcer").textContent = `${row.dataset.service}: ${verdict}`;
}

function show(strip) {
  const row = table.querySelector(`[data-service="${strip.service}"]`);
  const hasCells = row.querySelector('[data-field="lag_events"]') !== null;
  if (hasCells !== (strip.sample !== null)) location.reload();
  judge(row, strip.verdict);
  row.classList.toggle("narrow", strip.is_narrow);
  row.querySelector(".mark").hidden = !strip.is_narrow;
  if (!strip.sample) return;
  write(row, "drain_s", age(strip.drain_s));
  for (const field of ["lag_events", "parked_records", "outbox_events"]) write(row, field, amount(strip.sample[field]));
  for (const field of ["lag_age_s", "parked_age_s", "outbox_age_s"]) write(row, field, age(strip.sample[field]));
}

follow("/live", { strips: (strips) => strips.forEach(show) });
