"""What every room uses: checks of arguments, files that appear whole, quiet logs, one frame for commands."""
