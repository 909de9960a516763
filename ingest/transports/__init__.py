"""Sockets, brokers and serial lines: they carry frames and settle deliveries, and know no payloads."""
