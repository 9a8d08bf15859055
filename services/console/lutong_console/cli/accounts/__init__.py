"""lutong pushes, lutong traffic and lutong promotions: what accounts push, what programs have in page views, and what they pay for with them."""
