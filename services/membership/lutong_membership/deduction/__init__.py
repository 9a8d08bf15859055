"""Who takes charges from members' accounts elsewhere: a provider outside, or nobody."""
