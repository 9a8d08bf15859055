"""The router that the registry's subjects share."""

from lutong_chassis import routes

router = routes("registry")
