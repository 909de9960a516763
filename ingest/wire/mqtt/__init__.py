"""MQTT 3.1.1 and 5 as a subscriber speaks it: bytes in, packets out, without a socket or a clock."""
