"""The simulated gateway: a pure model of GPU pools, and an HTTP server that speaks the wire contract."""
