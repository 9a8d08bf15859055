"""What a member can be promised before they order: where from, when, and why."""
