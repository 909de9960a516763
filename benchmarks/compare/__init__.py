"""The hub beside what a user would pick instead, and beside the limits of broker and database, in turns in one run."""
