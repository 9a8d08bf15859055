"""Which members viewers order as."""
