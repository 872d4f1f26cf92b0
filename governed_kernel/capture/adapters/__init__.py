"""Adapters: one module or folder a library, each with ``arm(observation, name, module)``."""
