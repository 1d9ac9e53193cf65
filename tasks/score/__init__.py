"""Label texts with a registered model."""
