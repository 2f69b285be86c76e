"""What every room leans on: checks of arguments, files that appear whole, quiet logs."""
