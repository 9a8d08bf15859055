"""The steps of an order, and what is given back of one."""
