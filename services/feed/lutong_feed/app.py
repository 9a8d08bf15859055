"""The feed, put together."""

from pathlib import Path

from lutong_chassis import Service
from lutong_contracts.topics import ACCOUNTS, FOLLOWS
from lutong_feed import accounts
from lutong_feed.handlers import handlers
from lutong_feed.http import router
from lutong_feed.settings import FeedSettings

service = Service(
    "feed",
    handlers=handlers,
    routes=router,
    migrations=Path(__file__).parent / "migrations",
    settings=(FeedSettings,),
    entities={ACCOUNTS: accounts.after, FOLLOWS: accounts.follows_after},
)

if __name__ == "__main__":
    service.run()
