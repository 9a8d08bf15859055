"""lutong rankings: what people use, and who comes back."""
