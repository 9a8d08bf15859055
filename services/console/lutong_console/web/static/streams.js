// A worker that all tabs of a browser share: one connection for each address, however many tabs follow it.
// Browsers open six connections to one host: a stream in each of eight tabs would leave none for pages.
const EVENTS = ["strips", "records", "progress", "ended"];
const streams = new Map();

function join(port, url) {
  let stream = streams.get(url);
  if (!stream) {
    stream = { source: new EventSource(url), ports: new Set() };
    for (const name of EVENTS) {
      stream.source.addEventListener(name, ({ data }) => stream.ports.forEach((each) => each.postMessage({ name, data })));
    }
    streams.set(url, stream);
  }
  stream.ports.add(port);
}

function leave(port) {
  for (const [url, stream] of streams) {
    stream.ports.delete(port);
    if (stream.ports.size === 0) {
      stream.source.close();
      streams.delete(url);
    }
  }
}

self.addEventListener("connect", ({ ports: [port] }) => {
  port.onmessage = ({ data }) => (data.url ? join(port, data.url) : leave(port));
});
