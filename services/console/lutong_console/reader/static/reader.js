// The road of an order, live: one stream, and only while the page is looked at. Pages work without this file.
const road = document.getElementById("road");
let stream;

async function redraw() {
  const answer = await fetch(road.dataset.live.replace(/\/live$/, ""));
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.getElementById("road");
  if (fresh && fresh.innerHTML !== road.innerHTML) road.replaceChildren(...fresh.childNodes);
}

function listen() {
  if (stream || document.hidden || !road?.dataset.live) return;
  stream = new EventSource(road.dataset.live);
  stream.addEventListener("road", async (event) => {
    await redraw();
    if (!JSON.parse(event.data).ended) return;
    road.dataset.live = "";
    hush();
  });
}

function hush() {
  stream?.close();
  stream = undefined;
}

document.addEventListener("visibilitychange", () => (document.hidden ? hush() : listen()));
listen();
