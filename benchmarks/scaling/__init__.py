"""What so many parcels a day need, computed from what one event costs: `docs/scaling.md`."""
