"""Who may embed which program: what its owner decides."""
