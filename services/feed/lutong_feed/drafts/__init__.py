"""Drafts: what authors write and publish later, by themselves or at a time."""
