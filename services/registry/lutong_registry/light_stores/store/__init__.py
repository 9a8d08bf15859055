"""SQL of light stores: templates, stores, and the rollouts of versions."""
