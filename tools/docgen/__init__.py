"""Documents that are generated from the code. `make generate` writes them, `make contracts` compares them."""
