"""What forests and boosters share: trees as arrays, their walk, soft splits and boosted sums."""
