"""What is run: one YAML file a suite; data, not code. A published suite is never edited: it gets a new version."""
