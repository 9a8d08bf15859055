"""What stores, brands and members ask about orders."""
