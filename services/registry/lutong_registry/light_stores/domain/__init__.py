"""What a light store's program is, and how all of them get to another version of their template. Pure."""
