"""Addresses of services, as they may be shown and written down.

It opens no connection, and says nothing of whether anybody answers there.
"""


def public_url(url: str) -> str:
    """Return a URL without a user or a password in it; of what is no URL, what stands after the last ``@``."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url.rpartition("@")[2]
    host, slash, path = rest.partition("/")
    return f"{scheme}{separator}{host.rpartition('@')[2]}{slash}{path}"
