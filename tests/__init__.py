"""Tests: a folder for each package, and one for each way to use the service. They may import everything."""
