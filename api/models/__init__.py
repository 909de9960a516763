"""Bodies of requests and answers, a module for each topic. Units are part of a name; instants are ISO-8601 with Z."""
