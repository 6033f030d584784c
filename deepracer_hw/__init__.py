"""The physical car: servo and motor, camera, battery. Knows nothing of tracks or learning."""
