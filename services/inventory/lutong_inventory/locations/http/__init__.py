"""What brands and operators say of locations."""
