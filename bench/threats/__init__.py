"""What an adversary may do, and what counts as success."""
