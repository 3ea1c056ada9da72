"""What `make bench-full` measures beside the comparison: latency, growth, catch-up, memory, webhooks, replay."""
