"""The same kinds of inputs, on real parts."""
