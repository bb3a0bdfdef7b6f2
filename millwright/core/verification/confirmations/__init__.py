"""Further looks at a winner, one module each; each deepens the layer of its name. ``catalogue`` lists them."""
