"""The feed as a web page: read, join and order, follow the road. `lutong reader` serves it for the people of a demo."""
