// Follows an address of the server while the page is visible. `handlers` are functions by name of event.
export function follow(url, handlers) {
  const port = new SharedWorker("/static/streams.js").port;
  let isWanted = true;
  const update = () => port.postMessage(isWanted && !document.hidden ? { url } : {});

  port.onmessage = ({ data: { name, data } }) => handlers[name]?.(JSON.parse(data));
  document.addEventListener("visibilitychange", update);
  addEventListener("pagehide", () => port.postMessage({}));
  addEventListener("pageshow", update);
  return (wanted) => {
    isWanted = wanted;
    update();
  };
}
