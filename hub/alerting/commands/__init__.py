"""The commands of ``sanihub alerts``; :mod:`hub.commands.alerts` joins them."""
