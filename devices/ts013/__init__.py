"""Published codecs: JavaScript after LoRa Alliance TS013, run in a process of its own."""
