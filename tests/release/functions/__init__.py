"""Functions that make features: honest ones, and ways past what must never be learned."""
