// Keys of every page. Pages work without this file.
const PLACES = { p: "/", j: "/journeys", k: "/parked", t: "/tail", s: "/stores", r: "/rankings", i: "/invariants", b: "/publishers", a: "/audit", c: "/catalogue" };
let going = false;

const isTyping = (target) => target.matches("input, select, textarea");
const rows = () => [...document.querySelectorAll("tr[data-row]")];

function choose(step) {
  const all = rows();
  const at = all.findIndex((row) => row.classList.contains("chosen"));
  const next = all[Math.min(Math.max(at + step, 0), all.length - 1)];
  if (!next) return;
  all[at]?.classList.remove("chosen");
  next.classList.add("chosen");
  next.scrollIntoView({ block: "nearest" });
}

function open() {
  const chosen = document.querySelector("tr.chosen");
  const details = chosen?.querySelector("details");
  if (details) details.open = !details.open;
  else chosen?.querySelector("a")?.click();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  if (going) {
    going = false;
    if (PLACES[event.key]) location.assign(PLACES[event.key]);
    return;
  }
  const deeds = {
    "/": () => document.querySelector("[data-search]")?.focus(),
    "?": () => document.getElementById("keys").showModal(),
    g: () => { going = true; },
    j: () => choose(1),
    k: () => choose(-1),
    o: open,
    p: () => document.getElementById("pause")?.click(),
  };
  if (!deeds[event.key]) return;
  event.preventDefault();
  deeds[event.key]();
});
