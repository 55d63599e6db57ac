"""One file a command, or a few that belong together; the only room that prints and exits."""
