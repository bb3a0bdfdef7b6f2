"""The wheel, tested where the checkout is not."""
