"""lutong search: how well services are found, and posts lead to them."""
