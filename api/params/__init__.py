"""Query parameters, one model a list, a module for each topic.

Names that no model knows are refused: a misspelt filter must not let all in.
"""
