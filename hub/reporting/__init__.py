"""Making reports: where their pieces come from, jobs, and the desk that the API and the command line ask."""
