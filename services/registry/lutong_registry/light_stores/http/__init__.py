"""What brands, reviewers and merchants ask of light stores, by subject."""

from lutong_registry.light_stores.http import rollouts, stores, templates

__all__ = ["rollouts", "stores", "templates"]
