"""What one replica does with a batch, and the loop around it."""
