"""Which version of a mini-program a viewer sees: that in gray, the released one, or none."""
