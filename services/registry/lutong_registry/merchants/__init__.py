"""What others publish of merchants: where they are, and which plan members may join."""
