"""What brands and operators say of shelves, and what is on them."""
