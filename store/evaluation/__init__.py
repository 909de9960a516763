"""Evaluations of people: schemes, what is entered about them, appeals, and what their badges said."""
