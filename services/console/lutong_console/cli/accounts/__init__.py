"""lutong pushes and lutong traffic: what accounts push, and what programs have in page views."""
