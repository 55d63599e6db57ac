"""Tests, a folder for each room. No mocks: real bytes, real files, real processes, real sockets."""
