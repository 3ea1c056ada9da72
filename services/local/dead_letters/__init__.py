"""Dead letters as a tool: what was set aside, who did what about it, and doing it (docs/dead-letters.md)."""
