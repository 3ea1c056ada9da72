"""What the other side of every boundary may rely on."""
