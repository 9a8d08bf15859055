"""`lutong stores`: what a merchant's stores did with their orders."""
