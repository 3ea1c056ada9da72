"""The pure parts of the engine's benchmark."""
