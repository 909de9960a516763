"""JT/T 808 of 2011, 2013 and 2019, with the video terminals of JT/T 1078 and the active safety of T/JSATL 12."""
