"""What people read: the leaderboard as tables for Markdown, the terminal, CSV and JSON."""
