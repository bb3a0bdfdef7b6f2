"""The command line: one module per group of commands, over the client, the records and a composition."""
