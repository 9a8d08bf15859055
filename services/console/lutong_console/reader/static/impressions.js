// Which posts were looked at: half of one in view for a second. Sent together, and what is left when the page is hidden.
// Pages work without this file: then what is opened counts, and what is merely seen does not.
const SEEN_MS = 1000;
const SEND_MS = 2000;
const csrf = document.querySelector('meta[name="csrf"]')?.content;
const timers = new Map();
const seen = new Set();

function send() {
  if (!seen.size) return;
  const body = new URLSearchParams({ csrf, touches: [...seen].join(" ") });
  seen.clear();
  fetch("/interactions", { method: "POST", body, keepalive: true }).catch(() => {});
}

function look(entries) {
  for (const { isIntersecting, target } of entries) {
    clearTimeout(timers.get(target));
    if (!isIntersecting) continue;
    timers.set(target, setTimeout(() => {
      seen.add(target.dataset.touch);
      watcher.unobserve(target);
    }, SEEN_MS));
  }
}

const watcher = new IntersectionObserver(look, { threshold: 0.5 });
if (csrf) {
  for (const item of document.querySelectorAll("[data-touch]")) watcher.observe(item);
  setInterval(send, SEND_MS);
  document.addEventListener("visibilitychange", () => document.hidden && send());
}
