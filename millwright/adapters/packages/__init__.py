"""Third-party packages that a specification grants: read where they are installed, and laid beside the candidates."""
