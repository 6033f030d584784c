"""The physical car. Nothing is here yet."""
