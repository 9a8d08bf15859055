// Shows how far a run is, and loads the page again when it has ended.
import { follow } from "./live.js";

const run = document.getElementById("run");

function show(progress) {
  if (progress.state !== "running") location.reload();
  run.querySelector("progress").value = progress.done;
  for (const field of ["done", "settled", "failed"]) {
    run.querySelector(`[data-field="${field}"]`).textContent = progress[field];
  }
}

follow(`/parked/runs/${run.dataset.run}/stream`, { progress: show });
