"""``sanihub decode`` for protocols whose lines need more than a frame and a decoder."""
