"""The router that the commands and queries of all subjects are added to."""

from lutong_chassis import routes

router = routes("inventory")
"""The one router; each subject adds its commands and queries to it."""
