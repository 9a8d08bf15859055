// Follows the topics: new records come in at the top, the oldest leave at the bottom.
import { follow } from "./live.js";

const ROWS_MAX = 500;
const body = document.querySelector("#records tbody");
const pause = document.getElementById("pause");
const dropped = document.getElementById("dropped");
let lost = 0;

function cell(name, content) {
  const made = document.createElement(name);
  made.append(content);
  return made;
}

// Who did what is in the audit, and on no journey's page.
const isOnARoad = ({ journey, type }) => journey && !(type ?? "").includes(".action-audited.");

function link(journey) {
  const made = document.createElement("a");
  made.href = `/journeys/${encodeURIComponent(journey)}`;
  made.textContent = journey.slice(0, 13);
  return made;
}

function details(record) {
  const made = document.createElement("details");
  made.append(cell("summary", `${record.topic}/${record.partition}@${record.offset}`));
  made.append(cell("pre", JSON.stringify(record.event, null, 2)));
  return made;
}

function row(record) {
  const made = document.createElement("tr");
  made.dataset.row = "";
  const kind = cell("th", (record.type ?? "?").replace(/^lutong\./, ""));
  kind.scope = "row";
  const at = record.at ? record.at.slice(0, 19).replace("T", " ") + "Z" : "?";
  made.append(cell("td", cell("time", at)), kind, cell("td", record.key ?? ""));
  made.append(cell("td", isOnARoad(record) ? link(record.journey) : ""), cell("td", details(record)));
  return made;
}

function show(frame) {
  body.prepend(...frame.records.map(row).reverse());
  while (body.rows.length > ROWS_MAX) body.deleteRow(-1);
  lost += frame.dropped;
  dropped.hidden = lost === 0;
  dropped.textContent = `${dropped.dataset.text} ${lost}`;
}

const filter = document.getElementById("records").dataset.filter;
const set = follow(`/tail/stream?filter=${encodeURIComponent(filter)}`, { records: show });
let isPaused = false;

pause.hidden = false;
pause.addEventListener("click", () => {
  isPaused = !isPaused;
  set(!isPaused);
  pause.textContent = isPaused ? pause.dataset.resume : pause.dataset.pause;
});
