"""The ways to tell people that something waits for them: a request to an address, or a program that is run."""
