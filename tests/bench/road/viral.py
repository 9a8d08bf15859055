"""What one viral post bears, alone: taps, and impressions in batches of a hundred, each beside the endpoint by hand in turns of one run.

`python -m tests.bench.road.viral` (share of the time as argument).
"""

import json
import os
import sys
import tempfile
from pathlib import Path

from tests.bench.road import scene, seen
from tests.bench.road.measure import median, suite, taps_and_reads

_BESIDE = {
    "tap, one post": ("by hand, one post, insert", 1),
    "impressions, one post, by hundreds": ("by hand, one post, a hundred", seen.BATCH),
}


def main() -> None:
    """Measure, and print medians of three rounds, ratios, and the load of the machine."""
    share = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    with suite(scene.folder(Path(tempfile.mkdtemp(prefix="lutong-viral-")), "here")) as running:
        rows = taps_and_reads(running, scene.arranged(running, 10), share, only="one post")
    found = {
        what: {
            "per_s": round(times * median(rows, what)), "p99_ms": median(rows, what, "p99_ms"),
            "by hand per_s": round(times * median(rows, beside)), "of by hand": round(median(rows, what) / median(rows, beside), 2),
            "refused": sum(row["asked"] - row["good"] for row in rows if row["what"] == what),
        }
        for what, (beside, times) in _BESIDE.items()
    }  # fmt: skip
    sys.stdout.write(json.dumps(found | {"load": os.getloadavg()[0]}, indent=2) + "\n")


if __name__ == "__main__":
    main()
