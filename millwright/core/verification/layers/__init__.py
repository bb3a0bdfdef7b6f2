"""The eight layers, one file each; ``millwright.core.verification.ladder`` puts them in order."""
