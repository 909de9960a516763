"""Sans-IO protocols: bytes in, messages out; no sockets and no clock."""
