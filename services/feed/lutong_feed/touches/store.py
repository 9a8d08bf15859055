"""The secrets that touches are signed with: rows of the feed's own database, so that all replicas share them."""

from lutong_chassis import Reads
from lutong_feed.touches.domain import Keys


async def keys(tx: Reads) -> Keys:
    """All secrets. The newest one signs once it is five minutes old: until then a replica may not have read it."""
    rows = await tx.fetch(
        """
        SELECT number, secret, made_at < now() - interval '5 minutes' AS is_known
          FROM touch_secret
         ORDER BY number
        """
    )
    signs = max((row["number"] for row in rows if row["is_known"]), default=rows[0]["number"])
    return Keys({row["number"]: row["secret"] for row in rows}, signs)
