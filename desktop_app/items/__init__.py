"""Qt item models over ids, never one widget a photo."""
