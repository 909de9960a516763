"""What ``sanihub doctor`` looks at, a module for each part of a hub and its surroundings; it changes nothing."""
