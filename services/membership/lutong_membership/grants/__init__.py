"""What programs may use, as the registry publishes it: who may hold credit, and who may let members join."""
