"""What only winners are asked: each confirmation deepens one layer, as a pure plan and judge of its own."""
