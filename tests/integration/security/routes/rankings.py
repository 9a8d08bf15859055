"""Routes of registry about rankings, and who comes back."""

from typing import Final

from tests.integration.security.callers import ANN, ANYBODY, READ_BY_ITS_MEMBER, READ_BY_ITS_MERCHANT
from tests.integration.security.world import Matrix, fixed

RANKINGS: Final[Matrix] = {
    "GET /v1/rankings": (ANYBODY, fixed("/v1/rankings")),
    "GET /v1/rankings/categories": (ANYBODY, fixed("/v1/rankings/categories")),
    "GET /v1/members/{member_id}/programs": (READ_BY_ITS_MEMBER, fixed(f"/v1/members/{ANN}/programs", about=ANN)),
    "GET /v1/metrics/active": (READ_BY_ITS_MERCHANT, fixed("/v1/metrics/active?program_id=fund", about="fund")),
    "GET /v1/metrics/retention": (READ_BY_ITS_MERCHANT, fixed("/v1/metrics/retention?program_id=fund", about="fund")),
    "GET /v1/programs/{program_id}/days": (READ_BY_ITS_MERCHANT, fixed("/v1/programs/fund/days", about="fund")),
}
