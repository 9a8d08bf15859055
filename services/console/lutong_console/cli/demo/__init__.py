"""`lutong demo`: the scenarios of the README on a local stack."""
