"""The system under fire: a load with a known end, a stage of supervised processes, and samples of what they show."""
