"""The texts of posts: how long they are in any script, what of them is shown, and whom and what they name."""
