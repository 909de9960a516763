"""Judging the work of people: attendance, time on post, findings, and the schemes that turn them into points."""
