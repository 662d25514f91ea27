"""What the drift verdict is made of: pure rules, and beside them the edges that they need."""
