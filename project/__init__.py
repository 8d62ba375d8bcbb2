"""The settings, the URLs, and the entry points for web servers (WSGI and ASGI). May import every other package."""

__version__ = "0.1.0"  # read by the build, the REST document, the metrics and the traces
