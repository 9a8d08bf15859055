"""Promotions: places in placements that programs pay for with page views that they earned."""
