"""How nodes speak to each other."""
