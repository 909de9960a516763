"""Reports: what they say (the document), in which words, how they are drawn and written, and their revisions."""
