"""What boards are made of: words, colours by meaning, queries, panels, variables and the grid."""
