"""Views lay out and paint; what is allowed and what it is called is decided elsewhere."""
