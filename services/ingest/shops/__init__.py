"""Shop systems: what their webhooks say of orders, one file each, behind the same door as the carriers. Pure."""
