"""What is run, as data: suite files, their entries, and the plan that they expand to. Loads no torch and no model."""
