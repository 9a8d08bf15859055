"""`python -m tools.scorecard DATA_FOLDER`: fit, evaluate, write the scorecard and its report."""

import argparse
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from lutong_membership.providers.credit.scorecard import parse
from tools.scorecard.candidates import NAME
from tools.scorecard.data import FILE, read
from tools.scorecard.evaluate import evaluate
from tools.scorecard.fit import fit
from tools.scorecard.report import report
from tools.scorecard.write import scorecard_toml

_ROOT: Final = Path(__file__).parents[2]
SCORECARD: Final = _ROOT / "services/membership/lutong_membership/providers/credit" / f"{NAME}.toml"
REPORT: Final = _ROOT / "docs/scorecard.md"


def main() -> int:
    """Exit code 2 when the data is not there."""
    parser = argparse.ArgumentParser(prog="python -m tools.scorecard", description=__doc__)
    parser.add_argument("folder", type=Path, help=f"the folder that holds {FILE}")
    parser.add_argument(
        "--date", type=date.fromisoformat, default=datetime.now(UTC).date(), help="written as fitted_on"
    )
    arguments = parser.parse_args()
    if not (arguments.folder / FILE).exists():
        sys.stderr.write(f"{arguments.folder} holds no {FILE}: give the folder of the credit data\n")
        return 2
    people = read(arguments.folder)
    fitted = fit(people)
    evaluation = evaluate(fitted.card, people)
    scorecard = scorecard_toml(fitted, evaluation, arguments.date)
    parse(scorecard)  # what is written must be what the service accepts
    for path, text in ((SCORECARD, scorecard), (REPORT, report(fitted, evaluation))):
        path.write_text(text, encoding="utf-8")
        sys.stderr.write(f"wrote {path.relative_to(_ROOT)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
