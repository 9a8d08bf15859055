"""Orders, from the moment their credit is held until the goods are with the member, or back."""
