"""What ``sanihub decode`` says of the lines of each protocol: one file for each, found by itself."""
