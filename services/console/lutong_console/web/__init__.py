"""The web console: operators see, understand and repair. Pages are rendered here; every page is also JSON."""
