"""How fast, in how much memory."""
