"""What is planned: routes, places, areas, people, shifts, and the plans that bind them to a date."""
