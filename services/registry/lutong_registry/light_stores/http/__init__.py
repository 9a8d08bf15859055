"""What brands, reviewers and merchants ask of light stores, by subject."""

from lutong_registry.light_stores.http import nearby, rollouts, stores, templates

__all__ = ["nearby", "rollouts", "stores", "templates"]
