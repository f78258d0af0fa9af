"""Models in processes of their own: what a user's file does stays there, and is that model's failure alone."""
