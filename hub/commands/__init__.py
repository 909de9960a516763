"""The commands of ``sanihub``, one module each."""
