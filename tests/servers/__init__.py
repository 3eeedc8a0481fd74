"""Real servers on loopback that speak the protocols of services, and misbehave on request."""
