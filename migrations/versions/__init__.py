"""The migrations, oldest first by revision; each one is frozen once released."""
