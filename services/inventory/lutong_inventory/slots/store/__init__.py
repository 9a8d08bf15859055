"""Slots and their places in SQL: locked in key order, moved by conditional updates."""
