"""What programs may use, as the registry publishes it: whose cards may show what is near their reader."""
