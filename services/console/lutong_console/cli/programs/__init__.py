"""lutong services and lutong capabilities: what merchants do without goods, and what programs may use."""
