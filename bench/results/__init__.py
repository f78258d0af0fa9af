"""Results: one immutable record a cell, and what is computed from records alone."""
