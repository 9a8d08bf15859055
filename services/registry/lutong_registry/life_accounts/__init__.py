"""Life accounts: enterprise accounts that push to their followers, within a quota."""
