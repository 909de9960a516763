"""What ``sanihub demo`` adds to a hub: a city, and people who do something in it."""
