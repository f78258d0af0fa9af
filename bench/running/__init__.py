"""Running: models by name, jobs, the judge, and one call of a suite from its name to its board."""
