"""What follows from the figures: pure functions of facts, memory and the time."""
