"""The command `bench`, one file a command."""
